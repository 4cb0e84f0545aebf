package lifetime

import (
	"context"
	"time"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/internal/background"
)

// serve opens the gate and does what the plan asks for, until the lifetime is
// over. It returns the reason.
func (m *Manager) serve(ctx context.Context, l *life) string {
	stops := newStops(l)
	if m.noCheckpoints {
		stops.checkpoint = 0
	}
	m.answered.Store(0)
	l.opened = time.Now()
	m.fillWhenServed(l)
	m.gate.Open(l.gateLifetime(), stops.next())
	near := m.gate.Near(ahead(stops.next()))
	for {
		select {
		case <-near:
			near = nil
			if stops.checkpointNext() && busy(m.gate.Admitted(), time.Since(l.opened)) {
				m.prepareDump(l)
			}
			continue
		case <-m.gate.Reached():
		case <-l.process.Done():
			m.gate.Shut()
			return endExited
		case <-ctx.Done():
			return endShutdown
		}
		admitted := m.gate.Admitted()
		if stops.checkpointDue(admitted) {
			m.noCheckpoints = stops.taken(admitted, m.checkpoint(ctx, l, admitted))
		}
		if stops.evictDue(admitted) {
			return m.awaitQuiet(ctx, l)
		}
		m.gate.Reopen(stops.next())
		near = m.gate.Near(ahead(stops.next() - m.gate.Admitted()))
	}
}

// A checkpoint is prepared some requests before it where they come at busyRate
// a second or more: a third of those that are left, but within bounds. The most
// are for functions that answer in a fraction of a ms, of which a few do
// not give the time that a preparation takes. Elsewhere it is prepared when the
// last request before it is done: nobody waits then, and nobody has to share
// the processor with it.
const (
	leastAhead = 16
	mostAhead  = 512
	busyRate   = 20
)

func ahead(left int) int { return min(max(left/3, leastAhead), mostAhead) }

func busy(admitted int, since time.Duration) bool {
	return admitted >= leastAhead && float64(admitted) >= busyRate*since.Seconds()
}

// awaitQuiet lets the requests at the process finish; they are bounded by
// exec_timeout.
func (m *Manager) awaitQuiet(ctx context.Context, l *life) string {
	select {
	case <-m.gate.Quiet():
		return endEvicted
	case <-l.process.Done():
		return endExited
	case <-ctx.Done():
		return endShutdown
	}
}

// stops are the numbers of requests in this lifetime at which the gate shuts;
// 0 = never.
type stops struct {
	checkpoint, evict int
	tries             int
}

// A checkpoint for which the function was too busy, or that held requests for
// too long, is tried again that many requests later, and that many times.
const (
	busyBackoff = 5
	busyTries   = 3
)

func newStops(l *life) stops {
	s := stops{evict: l.plan.EvictAfter}
	if at := l.plan.CheckpointAt - l.record.RequestNumber; at > 0 {
		s.checkpoint = at
	}
	return s
}

func (s *stops) next() int {
	switch {
	case s.checkpoint == 0:
		return s.evict
	case s.evict == 0:
		return s.checkpoint
	}
	return min(s.checkpoint, s.evict)
}

func (s *stops) checkpointDue(admitted int) bool { return s.checkpoint > 0 && admitted >= s.checkpoint }

// checkpointNext reports whether the next stop is the checkpoint.
func (s *stops) checkpointNext() bool { return s.checkpoint > 0 && s.checkpoint == s.next() }

func (s *stops) evictDue(admitted int) bool { return s.evict > 0 && admitted >= s.evict }

// taken says what became of the checkpoint. It reports whether this worker had
// better take no more, since each holds requests for too long.
func (s *stops) taken(admitted int, f Failure) (hopeless bool) {
	s.tries++
	again := f.Code == codeBusy || f.Code == codeGivenUp
	if again && s.tries < busyTries {
		s.checkpoint = admitted + busyBackoff
		return false
	}
	s.checkpoint = 0
	return f.Code == codeGivenUp
}

// How long the end of a lifetime is held up for its last words.
const (
	flushTimeout  = 2 * time.Second
	uploadTimeout = 30 * time.Second
	endTimeout    = 3 * time.Second
	endHolds      = 2 * time.Second // all in all, when a request waits, which still has to wait for the start
)

// end stops the process and reports what became of the lifetime. What follows
// a lifetime knows of its snapshot and its latencies.
func (m *Manager) end(ctx context.Context, l *life, reason string) {
	m.conns.CloseIdle()
	switch reason {
	case endShutdown:
		l.process.Stop(m.Stop)
	case endEvicted:
		l.process.Kill()
	case endExited:
		m.noteExit(l)
	}
	l.memory.end()
	l.record.EndReason = reason
	l.record.Requests = m.gate.Admitted()
	if at := m.answered.Load(); at != 0 {
		l.record.FirstResponseMS = milliseconds(time.Unix(0, at).Sub(l.record.Started))
	}
	if m.Agent == nil {
		return
	}
	bounded, cancel := m.bounded(ctx, endHolds) // a shutdown reports, too
	defer cancel()
	if reason != endExited { // after a crash, serving again comes first
		m.finishUpload(bounded, l)
	}
	l.preparation.end()
	l.base.end()
	m.lastWords(bounded, l)
}

// noteExit makes the next lifetime start cold when a restored process has died.
func (m *Manager) noteExit(l *life) {
	m.log.Warn("the function's process has ended", "lifetime", l.record.Lifetime, "reason", exitError(l.process))
	if l.restored() {
		m.distrust = Failure{codeCrashed, exitError(l.process)}
		l.record.FailedSnapshot = l.record.Snapshot // the record accuses it
	}
}

// finishUpload waits for the upload, as long as the requests that wait for the
// next lifetime have the time. It goes on without us. The process is gone, so
// that there is nobody for packing to give way to.
func (m *Manager) finishUpload(bounded context.Context, l *life) {
	if l.uploaded == nil {
		return
	}
	defer background.Await()()
	select {
	case <-l.uploaded:
	case <-bounded.Done():
		m.log.Warn("requests do not wait for the upload of a snapshot any longer", "lifetime", l.record.Lifetime)
	case <-time.After(uploadTimeout):
		m.log.Warn("the upload of a snapshot does not end, going on without it", "lifetime", l.record.Lifetime)
	}
}

// lastWords reports the latencies and the end. What takes longer than requests
// can wait goes on in the background.
func (m *Manager) lastWords(bounded context.Context, l *life) {
	flushing, cancel := context.WithTimeout(bounded, flushTimeout)
	defer cancel()
	m.reporter.Flush(flushing)
	told, record := make(chan struct{}), l.finished()
	m.background.Go(func() {
		defer close(told)
		m.reportEnd(context.WithoutCancel(bounded), record)
	})
	select {
	case <-told:
	case <-bounded.Done():
	}
}

func (m *Manager) reportEnd(ctx context.Context, record agent.LifetimeRecord) {
	ctx, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	if err := m.Agent.End(ctx, record); err != nil {
		m.metrics.Errors.WithLabelValues("agent", "end").Inc()
		m.log.Warn("the end of a lifetime cannot be reported", "lifetime", record.Lifetime, "reason", err)
	}
}

// finished is the record as far as it is known: without a checkpoint whose
// upload is still running.
func (l *life) finished() agent.LifetimeRecord {
	rec := l.record
	if l.uploaded == nil {
		return rec
	}
	select {
	case <-l.uploaded:
		rec.BytesUploaded = l.moved
	default:
		rec.Checkpoint = nil
	}
	return rec
}
