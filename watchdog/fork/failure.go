package fork

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"time"
)

// errGone is the end of a request that nobody waits for any more.
var errGone = errors.New("the client has gone away")

// timeoutError is the end of a request that took too long.
type timeoutError struct{ limit time.Duration }

func (e *timeoutError) Error() string {
	return fmt.Sprintf("the function did not end within %s", e.limit)
}

// bodyError says that the body of a request could not be read.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return "read the request's body: " + e.err.Error() }

func (e *bodyError) Unwrap() error { return e.err }

// statusOf is the status of a request that failed before its answer began.
func statusOf(err error) int {
	var late *timeoutError
	var body *bodyError
	switch {
	case errors.As(err, &late), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, errGone):
		return http.StatusGatewayTimeout
	case errors.As(err, &body), errors.Is(err, errNUL):
		return http.StatusBadRequest
	case errors.Is(err, syscall.E2BIG):
		return http.StatusRequestHeaderFieldsTooLarge
	}
	return http.StatusInternalServerError
}

// answerFailure answers a request that failed before its answer began, with
// what went wrong.
func answerFailure(w http.ResponseWriter, err error) result {
	text := err.Error()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.Header().Set("X-OpenFaaS-Internal", "of-watchdog")
	status := statusOf(err)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // a client that has gone is no news
	return result{status, int64(len(text)), err}
}
