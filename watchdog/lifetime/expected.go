package lifetime

import (
	"context"

	"github.com/pronghorn-faas/pronghorn/watchdog/process"
)

// expected is a restore that is prepared while the agent is asked for a plan,
// where one is likely to be asked for. The nil one is none.
type expected struct {
	done      chan struct{} // closed when what follows is set
	restoring *process.Restoring
	err       error
}

// prepareAhead starts CRIU, which takes 5 ms, on a node that knows snapshots of
// this function. Elsewhere a cold start would pay for it.
func (m *Manager) prepareAhead(ctx context.Context) *expected {
	if m.Agent == nil || !m.Cache.Knows(m.Function) {
		return nil
	}
	e := &expected{done: make(chan struct{})}
	go func() {
		defer close(e.done)
		if why := m.Support.Wait(ctx); !why.None() {
			e.err = why.Err
			return
		}
		e.restoring, e.err = process.PrepareRestore(ctx, m.Engine, m.PIDs, m.Output)
	}()
	return e
}

// take returns what was prepared, or prepares it now.
func (e *expected) take(ctx context.Context, m *Manager) (*process.Restoring, error) {
	if e == nil {
		return process.PrepareRestore(ctx, m.Engine, m.PIDs, m.Output)
	}
	<-e.done
	return e.restoring, e.err
}

// discard ends a preparation that is not needed. It chooses no process ids any
// more when discard returns.
func (e *expected) discard() {
	if e == nil {
		return
	}
	if <-e.done; e.restoring != nil {
		go e.restoring.Close() //nolint:errcheck // it did nothing yet
	}
}

// verifyMeanwhile looks whether CRIU works where its first call would have to
// find out about the kernel: it mostly waits then, and an image is fetched
// meanwhile. The function that it returns waits for the outcome.
func (m *Manager) verifyMeanwhile(ctx context.Context) func() Failure {
	if m.Support.Quick() {
		return func() Failure { return Failure{} }
	}
	verified := make(chan Failure, 1)
	go func() { verified <- m.Support.Verify(ctx) }()
	return func() Failure { return <-verified }
}
