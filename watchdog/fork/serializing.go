package fork

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Serializing returns the handler of upstream's serializing mode: the request
// is read to its end before the process is started, and the answer is sent
// when the process has ended, with Content-Length and X-Duration-Seconds. Both
// are held in memory.
//
// The answer is 200 when the process exits with status 0; 504 when it does not
// end in time; 500 when it fails or cannot be started; 400 or 504 when the
// request's body cannot be read. Failures are answered with a text that says
// what went wrong, and not with the process's output.
func Serializing(s Settings) http.Handler { return serializing{s} }

type serializing struct{ Settings }

// ServeHTTP answers a request.
func (s serializing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	var stdout bytes.Buffer
	err := s.answer(r, &stdout)
	w.Header().Set("X-Duration-Seconds", fmt.Sprintf("%.6f", time.Since(start).Seconds()))
	res := result{http.StatusOK, int64(stdout.Len()), nil}
	if err != nil {
		res = answerFailure(w, err)
	} else {
		w.Header().Set("Content-Type", s.contentType())
		w.Header().Set("Content-Length", strconv.Itoa(stdout.Len()))
		_, res.err = w.Write(stdout.Bytes())
	}
	s.Log.Add(r, res.logged(start))
}

func (s serializing) answer(r *http.Request, stdout *bytes.Buffer) error {
	body, err := readBody(r)
	if err != nil {
		return err
	}
	in := &input{body: body, bound: func(time.Time) error { return nil }}
	return s.run(r, in, func(_ context.Context, from io.Reader) error {
		if _, err := stdout.ReadFrom(from); err != nil {
			return fmt.Errorf("read stdout: %w", err)
		}
		return nil
	})
}

// trusted is how much memory the length that a request announces is worth, in
// bytes. More is used when it comes.
const trusted = 1 << 20

func readBody(r *http.Request) (*bytes.Buffer, error) {
	var body bytes.Buffer
	if r.ContentLength > 0 {
		body.Grow(int(min(r.ContentLength, trusted)) + bytes.MinRead)
	}
	if _, err := body.ReadFrom(r.Body); err != nil {
		return nil, &bodyError{err}
	}
	return &body, nil
}
