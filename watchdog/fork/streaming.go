package fork

import (
	"errors"
	"net/http"
	"os/exec"
	"time"
)

// Streaming returns the handler of upstream's streaming mode: the process is
// started at once, reads the request's body as it comes in, and what it writes
// is sent as it is written.
//
// The answer is 200 from the first byte that the process writes. If none was
// written, it is 200 when the process exits with status 0; 504 when it does
// not end in time; 500 when it fails or cannot be started. After the first
// byte, an exit status changes nothing: the process has said all that it had
// to say, and scripts that end so work on upstream. But an answer whose process
// is killed, by the timeout or by itself, is incomplete. That can only be told
// by cutting it: the handler panics with http.ErrAbortHandler, which makes the
// server close the connection, and the client sees that the last chunk is
// missing.
func Streaming(s Settings) http.Handler { return streaming{s} }

type streaming struct{ Settings }

// ServeHTTP answers a request.
func (s streaming) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	a := newAnswer(w, r, s.contentType())
	err := s.run(r, a.input, a.drain)
	res := a.finish(err)
	s.Log.Add(r, res.logged(start))
	if err != nil && !exited(err) && a.begun() {
		panic(http.ErrAbortHandler)
	}
}

// exited reports whether the process ended by itself, with an exit status.
func exited(err error) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.Exited()
}
