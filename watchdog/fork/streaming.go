package fork

import (
	"net/http"
	"time"
)

// Streaming returns the handler of upstream's streaming mode: the process is
// started at once, reads the request's body as it comes in, and what it writes
// is sent as it is written.
//
// The answer is 200 from the first byte that the process writes. If none was
// written, it is 200 when the process exits with status 0; 504 when it does
// not end in time; 500 when it fails or cannot be started. After the first
// byte such an end can only be told by cutting the answer: the handler then
// panics with http.ErrAbortHandler, which makes the server close the
// connection, and the client sees that the last chunk is missing.
func Streaming(s Settings) http.Handler { return streaming{s} }

type streaming struct{ Settings }

// ServeHTTP answers a request.
func (s streaming) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	a := newAnswer(w, r, s.contentType())
	err := s.run(r, a.input, a.drain)
	res := a.finish(err)
	logRequest(s.Log, r, start, res)
	if err != nil && a.begun() {
		panic(http.ErrAbortHandler)
	}
}
