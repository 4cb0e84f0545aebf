package lifetime

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/internal/background"
	"github.com/pronghorn-faas/pronghorn/watchdog/process"
)

// How long each step of a start may take before a cold start is the better
// choice. Requests wait meanwhile.
const (
	planTimeout    = 2 * time.Second
	fetchTimeout   = 10 * time.Second
	restoreTimeout = 10 * time.Second // fetching excluded
	readyTimeout   = 5 * time.Second
)

// start starts a lifetime. It returns an error only when the function cannot
// be started cold either.
func (m *Manager) start(ctx context.Context) (*life, error) {
	begin := time.Now()
	release := background.Hold() // what is left of the lifetime before can wait
	m.release.Store(&release)
	l := newLife()
	l.follows, m.started = m.started, true
	why := m.plan(ctx, l)
	if r := l.plan.Restore; r != nil {
		if why = m.restore(ctx, l, r); !why.None() && ctx.Err() == nil {
			why = m.blame(ctx, l, r, why)
		}
	}
	if ctx.Err() != nil && l.process == nil {
		return nil, ctx.Err() // the end was asked for meanwhile
	}
	if l.process == nil {
		if err := m.startCold(ctx, l); err != nil {
			return nil, err
		}
	}
	m.step("start: started")
	l.record.StartReason = reasonFor(l, why)
	l.record.StartUpMS = milliseconds(time.Since(begin))
	m.noteStart(l, why, time.Since(begin))
	if m.Agent != nil {
		go m.verify(ctx, l.restored())
	}
	return l, nil
}

// verify makes sure that CRIU works, the first time only. If it has just
// restored a process that can wait until the first requests are answered.
func (m *Manager) verify(ctx context.Context, restored bool) {
	if restored {
		select {
		case <-time.After(baseDelay):
		case <-ctx.Done():
			return
		}
	}
	m.Support.Verify(ctx)
}

// blame finds out whose fault a restore that failed was, and returns the reason
// for the cold start. Where CRIU itself does not work, the snapshot is not
// accused: other workers can use it.
func (m *Manager) blame(ctx context.Context, l *life, r *agent.Restore, why Failure) Failure {
	m.log.Warn("snapshot cannot be restored, starting cold", "snapshot", r.Snapshot, "reason", why)
	if why.Code == codeNoCRIU {
		l.plan.CheckpointAt = 0
		return why
	}
	if why.Code == codeRestore {
		if unsupported := m.Support.Verify(ctx); !unsupported.None() {
			l.plan.CheckpointAt = 0
			return unsupported
		}
	}
	if why.blamesSnapshot() {
		m.accuse(ctx, l, r.Snapshot)
	}
	return why
}

// accuse tells the agent at once, in the background, that a snapshot failed:
// the end of the lifetime, which tells it too, may be far away.
func (m *Manager) accuse(ctx context.Context, l *life, snapshot string) {
	l.record.FailedSnapshot = snapshot
	lifetime := l.record.Lifetime
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
		defer cancel()
		if err := m.Agent.Fail(ctx, snapshot, lifetime); err != nil {
			m.metrics.Errors.WithLabelValues("agent", "fail").Inc()
		}
	}()
}

func reasonFor(l *life, why Failure) string {
	if !why.None() {
		return why.String()
	}
	return l.plan.Reason
}

func (m *Manager) noteStart(l *life, why Failure, took time.Duration) {
	code := codePlanned
	if !why.None() {
		code = why.Code
	}
	m.metrics.Lifetimes.WithLabelValues(l.record.Start, code).Inc()
	m.metrics.StartSeconds.WithLabelValues(l.record.Start).Observe(took.Seconds())
	if m.Agent != nil {
		m.log.Info("lifetime started", "lifetime", l.record.Lifetime, "start", l.record.Start, "snapshot", l.record.Snapshot,
			"request_number", l.record.RequestNumber, "took", took.Round(time.Millisecond), "reason", l.record.StartReason)
	}
}

// plan asks the agent what to do. Without an answer it is a cold start.
func (m *Manager) plan(ctx context.Context, l *life) Failure {
	distrust := m.distrust
	m.distrust = Failure{}
	if m.Agent == nil {
		return Failure{}
	}
	begin := time.Now()
	asking, cancel := context.WithTimeout(ctx, planTimeout)
	defer cancel()
	plan, err := m.Agent.Start(asking, agent.StartRequest{
		Lifetime: l.record.Lifetime, Platform: m.Platform, Runtime: m.Runtime,
		Strategy: m.Strategy, Eviction: m.Eviction, Evict: m.Evict, NoSnapshots: m.Support.Known().String(),
		KeyIDs: m.Keys.IDs(),
	})
	l.record.PlanMS = milliseconds(time.Since(begin))
	if err == nil {
		err = check(plan)
	}
	if err != nil && ctx.Err() == nil {
		m.metrics.Errors.WithLabelValues("agent", "start").Inc()
		m.log.Warn("no plan from the agent, starting cold", "reason", err)
	}
	if err != nil {
		l.plan = m.planless()
		return Failure{codeAgent, err}
	}
	l.plan = plan
	m.step("start: planned")
	m.reporter.UseKV(plan.KVURL)
	return m.veto(l, distrust, m.Support.Wait(asking))
}

// veto takes a restore out of a plan when this worker knows better.
func (m *Manager) veto(l *life, distrust, unsupported Failure) Failure {
	switch {
	case !unsupported.None():
		l.plan.Restore = nil
		if !m.Support.Known().None() { // else it is known when the checkpoint comes
			l.plan.CheckpointAt = 0
		}
		return unsupported
	case !distrust.None() && l.plan.Restore != nil:
		l.plan.Restore = nil
		return distrust
	}
	return Failure{}
}

// planless is the plan of a worker that has none: it evicts all the same,
// which is the worker's own setting.
func (m *Manager) planless() agent.Plan {
	if m.Evict {
		return agent.Plan{EvictAfter: m.Eviction}
	}
	return agent.Plan{}
}

// check refuses plans that make no sense, from an agent that is none.
func check(p agent.Plan) error {
	if p.CheckpointAt < 0 || p.EvictAfter < 0 {
		return fmt.Errorf("the agent's plan has checkpoint_at %d and evict_after %d: want 0 or more", p.CheckpointAt, p.EvictAfter)
	}
	if r := p.Restore; r != nil && (r.Snapshot == "" || r.ManifestURL == "" || len(r.Packs) == 0 || r.ManifestSHA256 == "" || r.RequestNumber < 0) {
		return fmt.Errorf("the agent's plan names a snapshot without all of its id, URLs and checksum: %+v", *r)
	}
	return nil
}

// startCold executes the function and waits until it accepts connections, for
// as long as it runs: some functions take minutes, which is theirs to decide.
func (m *Manager) startCold(ctx context.Context, l *life) error {
	begin := time.Now()
	command := m.Command
	command.PID = m.firstPID(l)
	p, err := process.StartCold(command, m.PIDs, m.Output)
	if errors.Is(err, process.ErrNoID) {
		m.log.Warn("no snapshot will be taken of this lifetime", "reason", err)
		command.PID, l.plan.CheckpointAt = 0, 0
		p, err = process.StartCold(command, m.PIDs, m.Output)
	}
	if err != nil {
		return err
	}
	if err := m.awaitReady(ctx, p); err != nil {
		p.Stop(m.Stop)
		return err
	}
	l.process = p
	l.record.StartMS = milliseconds(time.Since(begin))
	return nil
}

// firstPID is the id of a function that is started cold; 0 = any, since there
// are no snapshots.
func (m *Manager) firstPID(l *life) int {
	if m.Agent == nil || !m.Support.Known().None() {
		return 0
	}
	pid, err := m.PIDs.First(m.Command.PID)
	if err != nil { // which Support is about to say, too
		l.plan.CheckpointAt = 0
		return 0
	}
	return pid
}

// Pauses between two looks at a process that starts.
const (
	firstLook = time.Millisecond
	slowLook  = 20 * time.Millisecond
)

// awaitReady waits until the process accepts connections.
func (m *Manager) awaitReady(ctx context.Context, p *process.Process) error {
	for wait := firstLook; ; wait = min(wait*2, slowLook) {
		if m.accepts(ctx) {
			return nil
		}
		select {
		case <-time.After(wait):
		case <-p.Done():
			return fmt.Errorf("%w before it accepted connections at %s: %w", ErrFunctionEnded, m.Address, exitError(p))
		case <-ctx.Done():
			return fmt.Errorf("nothing accepts connections at %s: %w", m.Address, errors.Join(ctx.Err(), context.Cause(ctx)))
		}
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
