package lifetime

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/internal/background"
	"github.com/pronghorn-faas/pronghorn/snapshot/criu"
)

// dumpTimeout is when CRIU is taken to hang, though no request waits for it.
const dumpTimeout = 30 * time.Second

// urgentMargin is how much of its own time a waiting request must have left;
// with less, a checkpoint that holds it is given up. CRIU lets a process of some
// 200 MB go up to 60 ms after that on a busy machine, and the function has yet
// to answer.
const urgentMargin = 150 * time.Millisecond

// Why a checkpoint is given up.
var (
	errMaxPause = errors.New("requests were held for as long as snapshot_max_pause allows")
	errUrgent   = errors.New("a request that was held ran out of its own time")
)

// checkpoint takes a snapshot of the process between two requests: the gate is
// shut, those inside finish, CRIU dumps, and the caller opens the gate again.
// Packing and uploading go on in the background.
//
// All of it is given up, and the function goes on, when requests are held for
// too long; see bounded.
func (m *Manager) checkpoint(ctx context.Context, l *life, admitted int) Failure {
	c := &agent.Checkpoint{RequestNumber: l.record.RequestNumber + admitted, Outcome: agent.CheckpointDone, Mode: m.mode()}
	l.record.Checkpoint = c
	preparation, why := m.takeImage(ctx, l, c)
	if !why.None() {
		m.noteCheckpoint(l, c, why)
		return why
	}
	m.step("checkpoint: dumped")
	l.uploaded = make(chan struct{})
	go func() {
		defer close(l.uploaded)
		m.noteCheckpoint(l, c, m.uploadTaken(ctx, l, c, preparation))
	}()
	return Failure{}
}

// uploadTaken brings the image that was taken to the pool.
func (m *Manager) uploadTaken(ctx context.Context, l *life, c *agent.Checkpoint, p *preparation) Failure {
	img, process, err := p.image()
	if err != nil {
		return Failure{codeDump, err}
	}
	criu.AddTouches(img, l.touches())
	return m.upload(ctx, l, c, img, process)
}

func (m *Manager) noteCheckpoint(l *life, c *agent.Checkpoint, why Failure) {
	code := codePlanned
	if !why.None() {
		c.Outcome, c.Reason, code = agent.CheckpointFailed, why.String(), why.Code
		m.log.Warn("checkpoint failed, the function goes on", "lifetime", l.record.Lifetime, "request_number", c.RequestNumber, "reason", why)
	} else {
		m.log.Info("checkpoint taken", "lifetime", l.record.Lifetime, "snapshot", c.Snapshot, "request_number", c.RequestNumber,
			"pause_ms", c.PauseMS, "dump_ms", c.DumpMS, "upload_ms", c.UploadMS, "bytes", c.Bytes, "stored_bytes", c.StoredBytes)
	}
	m.metrics.Checkpoints.WithLabelValues(c.Outcome, code).Inc()
}

// takeImage waits until the process is idle and dumps it. The image is to be
// had from the preparation it returns.
func (m *Manager) takeImage(ctx context.Context, l *life, c *agent.Checkpoint) (*preparation, Failure) {
	bounded, cancel := m.bounded(ctx, m.MaxPause)
	defer cancel()
	if why := m.Support.Known(); !why.None() {
		return nil, why
	}
	if l.preparation != nil || m.gate.Waiting() > 0 {
		m.prepareDump(l)
	}
	m.step("checkpoint: gate shut")
	if why := m.awaitIdle(ctx, bounded, l); !why.None() {
		return nil, why
	}
	if err := l.memory.finish(bounded); err != nil { // a dump has only what the process has
		return nil, Failure{codeBusy, fmt.Errorf("the process does not have all of its memory yet: %w", err)}
	}
	hurried := m.nextComes(bounded, l)
	preparation := m.prepareDump(l)
	if why := m.pause(bounded, l, c, preparation, hurried); !why.None() {
		preparation.discard()
		return nil, why
	}
	return preparation, Failure{}
}

// pause is the time in which nobody is served.
func (m *Manager) pause(bounded context.Context, l *life, c *agent.Checkpoint, p *preparation, hurried bool) Failure {
	begin := time.Now()
	defer background.Hold()()
	defer func() {
		pause := time.Since(begin)
		c.PauseMS = milliseconds(pause)
		m.metrics.PauseSeconds.Observe(pause.Seconds())
	}()
	if why := m.quiesce(bounded, hurried); !why.None() {
		return why
	}
	m.step("checkpoint: idle")
	return m.dump(bounded, l, c, p)
}

// bounded returns a context that ends when requests have been held at the gate
// for as long as limit allows, or until one of them runs out of its own time.
// As long as no request waits nobody is in a hurry.
func (m *Manager) bounded(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, giveUp := context.WithCancelCause(context.WithoutCancel(ctx))
	held, urgent := m.gate.Held(), m.gate.Urgent(urgentMargin)
	go func() {
		select {
		case <-held:
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(limit):
			giveUp(fmt.Errorf("%w (%s)", errMaxPause, limit))
		case <-urgent:
			giveUp(errUrgent)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { giveUp(context.Canceled) }
}

// awaitIdle waits until the requests at the process are done.
func (m *Manager) awaitIdle(ctx, bounded context.Context, l *life) Failure {
	select {
	case <-m.gate.Quiet():
		return Failure{}
	case <-l.process.Done():
		return Failure{codeProcessExited, errors.New("the process ended before the checkpoint")}
	case <-ctx.Done():
		return Failure{codeShutdown, ctx.Err()}
	case <-bounded.Done():
		return Failure{codeBusy, fmt.Errorf("the requests at the function did not finish in time: %w", context.Cause(bounded))}
	}
}

// How long the next request is waited for, in times of the usual time between
// two of them, where they came in quickly before the checkpoint.
const (
	intervals     = 3
	leastPatience = time.Millisecond
	mostPatience  = 20 * time.Millisecond
)

// nextComes reports whether a request waits for the checkpoint. Where they come
// in quickly the next one is about to. If it does not, after a time in which it
// would have, the function has the time to clean up: nobody is kept waiting by
// that look, since it ends with the first who waits.
func (m *Manager) nextComes(bounded context.Context, l *life) bool {
	if l.preparation == nil || m.gate.Waiting() > 0 {
		return m.gate.Waiting() > 0
	}
	select {
	case <-m.gate.Held():
		return true
	case <-bounded.Done():
		return true
	case <-time.After(patience(m.gate.Admitted(), time.Since(l.opened))):
		return false
	}
}

func patience(admitted int, since time.Duration) time.Duration {
	return min(max(intervals*since/time.Duration(max(admitted, 1)), leastPatience), mostPatience)
}

// quiesceTimeout bounds what the function does before a dump when no request
// waits for it.
const quiesceTimeout = 5 * time.Second

// quiesce lets the function prepare and waits until nobody is connected to it.
func (m *Manager) quiesce(bounded context.Context, hurried bool) Failure {
	waiting := m.gate.Waiting()
	if hurried {
		waiting = max(waiting, 1)
	}
	ctx, cancel := context.WithTimeout(bounded, quiesceTimeout)
	defer cancel()
	why := Failure{codeHook, m.Hooks.beforeCheckpoint(ctx, m.conns, waiting)}
	if why.Err == nil {
		why = Failure{codeBusy, m.conns.Drain(ctx)}
	}
	switch {
	case why.Err == nil:
		return Failure{}
	case bounded.Err() != nil:
		return Failure{codeGivenUp, fmt.Errorf("%w: %w", context.Cause(bounded), why.Err)}
	}
	return why
}

func (m *Manager) dump(ctx context.Context, l *life, c *agent.Checkpoint, p *preparation) Failure {
	begin := time.Now()
	ctx, cancel := context.WithTimeout(ctx, dumpTimeout)
	defer cancel()
	err := p.run(ctx)
	c.DumpMS = milliseconds(time.Since(begin))
	m.metrics.ObserveStep("dump", time.Since(begin))
	switch {
	case err == nil:
		return Failure{}
	case errors.Is(err, criu.ErrDamaged):
		l.abandoned = true
		l.process.Kill()
	case ctx.Err() != nil:
		return Failure{codeGivenUp, err}
	}
	return Failure{codeDump, err}
}
