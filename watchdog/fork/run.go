package fork

import (
	"context"
	"io"
	"net/http"

	"github.com/pronghorn-faas/pronghorn/watchdog/timeout"
)

// drain reads the stdout of a process until it ends or ctx does.
type drain func(ctx context.Context, stdout io.Reader) error

// run executes the command for a request. It returns when the process has
// ended, its stdout was drained, and nothing uses the request any more: nil
// when everything went well, else the first thing that did not. When that is
// the client, the clock or the drain, the process group is killed.
func (s Settings) run(r *http.Request, in *input, d drain) error {
	env, err := environment(r)
	if err != nil {
		return err
	}
	c, err := s.start(env)
	if err != nil {
		return err
	}
	defer c.close()
	ctx, cancel := s.bounded(r)
	defer cancel(nil)
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		if err := in.feed(c.stdin); err != nil {
			cancel(err)
		}
	}()
	defer in.stop(c.stdin, fed)
	defer context.AfterFunc(ctx, c.kill)()
	return c.finish(ctx, cancel, d)
}

// bounded is the context of a request with its timeout.
func (s Settings) bounded(r *http.Request) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(r.Context())
	limit := timeout.FromHeader(r.Header, s.ExecTimeout)
	if limit == 0 {
		return ctx, cancel
	}
	ctx, stop := context.WithTimeoutCause(ctx, limit, &timeoutError{limit})
	return ctx, func(cause error) {
		cancel(cause)
		stop()
	}
}

// finish drains the child's stdout and waits for its end. What ended ctx is
// the cause of all that failed after it.
func (c *child) finish(ctx context.Context, cancel context.CancelCauseFunc, d drain) error {
	err := d(ctx, c.stdout)
	if err != nil {
		cancel(err)
	}
	if ended := c.wait(); err == nil {
		err = ended
	}
	if err == nil || ctx.Err() == nil {
		return err
	}
	if cause := context.Cause(ctx); cause != context.Canceled {
		return cause
	}
	return errGone
}
