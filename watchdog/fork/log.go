package fork

import (
	"time"

	"github.com/pronghorn-faas/pronghorn/watchdog/access"
)

// result is how a request was answered.
type result struct {
	status int
	// length of the body in bytes.
	length int64
	// err is what went wrong; nil = nothing.
	err error
}

// logged is the result as the log of requests takes it.
func (r result) logged(start time.Time) access.Request {
	return access.Request{Code: r.status, Length: r.length, Took: time.Since(start), Err: r.err}
}
