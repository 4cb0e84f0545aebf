package upstream

import (
	"context"
	"fmt"
	"time"
)

// limits are what may end a request before its answer does.
type limits struct {
	ctx      context.Context
	deadline time.Time // zero = none
}

// exceeded is the error of a request that may not go on; nil while it may.
func (l limits) exceeded() error {
	switch {
	case l.ctx.Err() != nil:
		return fmt.Errorf("request to the function: %w", context.Cause(l.ctx))
	case l.late():
		return fmt.Errorf("request to the function: %w", ErrDeadline)
	}
	return nil
}

// late reports whether the deadline has passed.
func (l limits) late() bool { return !l.deadline.IsZero() && !time.Now().Before(l.deadline) }

// context is one that ends with either; cancel frees what it holds.
func (l limits) context() (ctx context.Context, cancel context.CancelFunc) {
	if l.deadline.IsZero() {
		return l.ctx, func() {}
	}
	return context.WithDeadlineCause(l.ctx, l.deadline, ErrDeadline)
}
