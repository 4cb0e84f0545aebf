package fork

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// answer is the answer to a streaming request.
type answer struct {
	w           http.ResponseWriter
	control     *http.ResponseController
	input       *input
	contentType string
	state       atomic.Int32
	sent        int64 // bytes of the body
}

// The states of an answer: what comes first, its first byte or its being cut,
// decides whether it can still be a failure with a status of its own.
const (
	stateWaiting = iota
	stateSending
	stateCut
)

// errCut is the end of an answer that was cut before it began.
var errCut = errors.New("the answer was cut")

func newAnswer(w http.ResponseWriter, r *http.Request, contentType string) *answer {
	a := &answer{w: w, control: http.NewResponseController(w), contentType: contentType}
	a.input = &input{body: r.Body, bound: a.control.SetReadDeadline}
	a.input.ended.Store(r.ContentLength == 0)
	// Otherwise the server would throw away what is left of the request's body
	// when the answer begins. HTTP/2 is so by itself, and says it cannot.
	_ = a.control.EnableFullDuplex()
	return a
}

// drain sends what the process writes.
func (a *answer) drain(ctx context.Context, stdout io.Reader) error {
	defer context.AfterFunc(ctx, a.cut)()
	buf := make([]byte, pipeSize)
	for {
		n, err := stdout.Read(buf)
		if n > 0 {
			if err := a.send(buf[:n]); err != nil {
				return fmt.Errorf("send the answer: %w", err)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read stdout: %w", err)
		}
	}
}

// pipeSize is what a pipe of Linux holds, in bytes: more is never read at once.
const pipeSize = 64 << 10

// send sends a piece of the body at once.
func (a *answer) send(piece []byte) error {
	if !a.begun() && !a.begin() {
		return errCut
	}
	n, err := a.w.Write(piece)
	a.sent += int64(n)
	if err != nil {
		return err
	}
	return a.control.Flush()
}

// begin fixes that the status is 200. It reports whether that could be done.
func (a *answer) begin() bool {
	if !a.state.CompareAndSwap(stateWaiting, stateSending) {
		return false
	}
	a.w.Header().Set("Content-Type", a.contentType)
	a.keepInStep()
	a.w.WriteHeader(http.StatusOK)
	return true
}

func (a *answer) begun() bool { return a.state.Load() == stateSending }

// cut ends a Write that waits for the client, or prevents the first one.
func (a *answer) cut() {
	if !a.state.CompareAndSwap(stateWaiting, stateCut) {
		_ = a.control.SetWriteDeadline(time.Unix(1, 0))
	}
}

// finish completes the answer, unless it has begun and failed since.
func (a *answer) finish(err error) result {
	switch {
	case err == nil:
		a.begin()
		return result{http.StatusOK, a.sent, nil}
	case a.begun():
		return result{statusOf(err), a.sent, err}
	default:
		a.keepInStep()
		return answerFailure(a.w, err)
	}
}

// keepInStep makes the server close the connection after this answer when the
// request's body is not read to its end: the rest would be in the way of the
// next request.
func (a *answer) keepInStep() {
	if !a.input.ended.Load() {
		a.w.Header().Set("Connection", "close")
	}
}
