package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"

	"github.com/pronghorn-faas/pronghorn/watchdog/upstream"
)

var (
	// errExecTimeout is the end of a request that exec_timeout has ended.
	errExecTimeout = errors.New("the function took longer than exec_timeout")
	// errNotReady is why a request was given up while it waited for the process.
	errNotReady = errors.New("the function was not ready in time")
	// errGone is the end of a request that nobody waits for any more.
	errGone = errors.New("the client has gone away")
)

// bodyError says that the body of a request could not be read.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return "read the request's body: " + e.err.Error() }

func (e *bodyError) Unwrap() error { return e.err }

// statusOf is the status of a request that the function could not answer. What
// is the client's doing, to go away or to be slow, is recorded as upstream
// does.
func (c *call) statusOf(err error) int {
	var body *bodyError
	switch reason := c.reason(err); {
	case errors.Is(reason, errExecTimeout), errors.Is(reason, errGone):
		return http.StatusGatewayTimeout
	case errors.As(reason, &body):
		if errors.Is(reason, os.ErrDeadlineExceeded) {
			return http.StatusGatewayTimeout
		}
		return http.StatusBadRequest
	case errors.Is(reason, errNotReady):
		return http.StatusServiceUnavailable
	case streams(c.r):
		return http.StatusBadGateway
	}
	return http.StatusInternalServerError
}

// reason is why the request failed: what ended it early is the cause of all
// that failed after it. It is nil when nothing failed.
func (c *call) reason(err error) error {
	switch {
	case errors.Is(err, upstream.ErrDeadline), errors.Is(err, errExecTimeout):
		return errExecTimeout
	case c.r.Context().Err() != nil, errors.Is(err, context.Canceled), errors.Is(err, errGone):
		return errGone
	case err == nil:
		return nil
	}
	var body *bodyError
	if errors.As(err, &body) && errors.Is(err, io.ErrUnexpectedEOF) {
		return errGone
	}
	return err
}
