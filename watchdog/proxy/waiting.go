package proxy

import (
	"context"
	"time"
)

// waiting is a context with a deadline whose timer is made when somebody waits
// for it. Most requests find the gate open, and nobody does. It is for one
// goroutine.
type waiting struct {
	context.Context
	until time.Time // zero = none

	timed  context.Context // with the timer; nil = not made yet
	cancel context.CancelFunc
}

// context is the one with the timer.
func (w *waiting) context() context.Context {
	switch {
	case w.timed != nil:
	case w.until.IsZero():
		w.timed = w.Context
	default:
		w.timed, w.cancel = context.WithDeadlineCause(w.Context, w.until, errExecTimeout)
	}
	return w.timed
}

// Done is closed when the context ends.
func (w *waiting) Done() <-chan struct{} { return w.context().Done() }

// Err is why the context has ended, if it has.
func (w *waiting) Err() error { return w.context().Err() }

// Value asks the context with the timer, which knows the cause of its end.
func (w *waiting) Value(key any) any { return w.context().Value(key) }

// Deadline is when the context ends at the latest.
func (w *waiting) Deadline() (time.Time, bool) { return w.context().Deadline() }

// stop frees the timer.
func (w *waiting) stop() {
	if w.cancel != nil {
		w.cancel()
	}
}
