package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pronghorn-faas/pronghorn/watchdog/gate"
	"github.com/pronghorn-faas/pronghorn/watchdog/upstream"
)

// A request whose process has gone is handed to the next one, for this long
// and at this pace.
const (
	retryFor  = 5 * time.Second
	retryPace = 5 * time.Millisecond
)

// Observe is told of every answered request: the pass, the time from handing
// the request to the function until the end of its answer, and the status.
type Observe func(p gate.Pass, latency time.Duration, status int)

// transport hands requests through the gate to the function.
type transport struct {
	gate    *gate.Gate
	base    http.RoundTripper
	observe Observe
	retries prometheus.Counter
	// patience bounds the waiting at the gate of requests without a timeout of
	// their own, those that stream; 0 = none.
	patience time.Duration
}

// RoundTrip waits for the gate and sends the request. It sends it again when
// the process turns out to be gone and cannot have worked on it.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	body := keepOpen(req)
	var giveUp time.Time
	for {
		arrived := time.Now()
		pass, err := t.enter(req.Context())
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errNotReady, err)
		}
		resp, err := t.send(req, pass, time.Since(arrived))
		if err == nil {
			return resp, nil
		}
		if giveUp.IsZero() {
			giveUp = time.Now().Add(retryFor)
		}
		if !again(req, body, pass, err) || time.Now().After(giveUp) || !pause(req.Context()) {
			return nil, err
		}
		t.retries.Inc()
	}
}

// enter waits at the gate.
func (t *transport) enter(ctx context.Context) (gate.Pass, error) {
	if _, bounded := ctx.Deadline(); bounded || t.patience <= 0 {
		return t.gate.Enter(ctx)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, t.patience, errExecTimeout)
	defer cancel()
	return t.gate.Enter(ctx)
}

// send makes one try.
func (t *transport) send(req *http.Request, pass gate.Pass, waited time.Duration) (*http.Response, error) {
	start := time.Now()
	resp, err := t.base.RoundTrip(req)
	if err != nil {
		pass.Leave()
		return nil, err
	}
	if info := infoFrom(req.Context()); info != nil {
		info.pass, info.waited = pass, info.waited+waited
	}
	done := sync.OnceFunc(func() {
		t.observe(pass, time.Since(start), resp.StatusCode)
		pass.Leave()
	})
	resp.Body = wrap(resp.Body, done)
	return resp, nil
}

// again reports whether the function cannot have worked on the request: it was
// never connected, or it is a request that may be repeated and the process was
// a restored one that has gone.
func again(req *http.Request, body *sentBody, pass gate.Pass, err error) bool {
	if body.touched() || req.Context().Err() != nil {
		return false
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return true
	}
	return pass.Lifetime.Restored && upstream.Idempotent(req.Method)
}

func pause(ctx context.Context) bool {
	select {
	case <-time.After(retryPace):
		return true
	case <-ctx.Done():
		return false
	}
}

// sentBody is a request's body that a failed try does not close, and that
// knows whether anything of it was read.
type sentBody struct {
	io.ReadCloser
	mu   sync.Mutex
	read bool
}

// keepOpen puts a sentBody in place of the request's body; nil if it has none.
func keepOpen(req *http.Request) *sentBody {
	if req.Body == nil || req.Body == http.NoBody {
		return nil
	}
	b := &sentBody{ReadCloser: req.Body}
	req.Body = b
	return b
}

// Read notes that the body is being used up, and marks the errors as the
// body's.
func (b *sentBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	b.read = true
	b.mu.Unlock()
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = &bodyError{err}
	}
	return n, err
}

// Close does nothing: the server closes the body when the request is done.
func (b *sentBody) Close() error { return nil }

func (b *sentBody) touched() bool {
	if b == nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.read
}

// wrap calls done when the body has been read to its end or is closed. A body
// that can be written to, that of a switched protocol, stays so.
func wrap(body io.ReadCloser, done func()) io.ReadCloser {
	watched := &watchedBody{ReadCloser: body, done: done}
	if w, ok := body.(writeHalf); ok {
		return struct {
			*watchedBody
			writeHalf
		}{watched, w}
	}
	return watched
}

// writeHalf is the way to the function of a connection that has switched to
// another protocol.
type writeHalf interface {
	io.Writer
	CloseWrite() error
}

type watchedBody struct {
	io.ReadCloser
	done func()
}

// Read reports the end of the body.
func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.done()
	}
	return n, err
}

// Close reports the end of the body, too.
func (b *watchedBody) Close() error {
	defer b.done()
	return b.ReadCloser.Close()
}
