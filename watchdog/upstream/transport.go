// Package upstream is an HTTP/1.1 client for exactly one server: the function,
// on the loopback of its container.
//
// It does the work of http.Transport with fewer steps. There every request is
// handed to one goroutine that writes and to another that reads; here the
// calling goroutine writes the request and reads the answer itself, on a
// connection from a pool. Only a request with a body gets a goroutine, which
// writes the body, so that a function may answer before it has read everything
// and both sides may stream.
package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Settings of a transport. The zero value of all but Addr is useful.
type Settings struct {
	// Addr is the server's TCP address, HOST:PORT. Every request goes there,
	// whatever its URL says.
	Addr string
	// DialTimeout bounds connecting; 0 = only the request's context does.
	DialTimeout time.Duration
	// IdleTimeout is when an unused connection is closed; 0 = never. It should
	// be shorter than the server's own, which would otherwise close connections
	// at the moment that they are used again.
	IdleTimeout time.Duration
	// MaxIdle is the largest number of unused connections kept; 0 = none.
	MaxIdle int
	// MaxHeaderBytes bounds the head of an answer, the 1xx answers before it
	// included; 0 = 1 MiB.
	MaxHeaderBytes int
}

var (
	// ErrClosed is returned for requests after Close.
	ErrClosed = errors.New("the connections to the function are closed")
	// ErrDeadline is returned when the Deadline of a request's options passes.
	ErrDeadline = errors.New("the request's time is over")
	// ErrHeaderTooLarge is returned when the head of an answer is larger than
	// MaxHeaderBytes.
	ErrHeaderTooLarge = errors.New("the head of the function's answer is too large")
)

// Transport sends requests to one server. It is an http.RoundTripper and safe
// for concurrent use.
//
// It leaves headers alone: none is added but those that say where a message
// ends (Host, Content-Length, Transfer-Encoding, Trailer), and Expect:
// 100-continue is left out, because the body is sent at once. A request's body
// whose ContentLength is 0 has an unknown length and is sent in chunks.
type Transport struct {
	settings Settings
	buffers  sync.Pool // *[]byte that bodies are sent through

	mu     sync.Mutex
	idle   []*conn // the one used last at the end
	timer  *time.Timer
	round  uint64 // counts calls of CloseIdle
	closed bool
}

// New returns a transport. It does not connect yet.
func New(s Settings) *Transport {
	if s.MaxHeaderBytes <= 0 {
		s.MaxHeaderBytes = http.DefaultMaxHeaderBytes
	}
	return &Transport{settings: s, buffers: sync.Pool{New: func() any { b := make([]byte, bodyBuffer); return &b }}}
}

// Options of one request. The zero value asks for nothing.
type Options struct {
	// Deadline ends the request, its answer's body included, with ErrDeadline.
	// It does what a deadline of the context would, and costs next to nothing.
	Deadline time.Time
	// Early is told of the 1xx answers before the answer, from the goroutine
	// that called Do. An error from it ends the request.
	Early func(status int, header http.Header) error
	// Done is called once when the answer with that status is over, as its end
	// was read or it was given up: the connection is closed or free by then. It
	// is not called if Do fails. For an answer without a body it is called
	// before Do returns.
	Done func(status int)
}

// RoundTrip is Do with the request's own context and without options.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	return t.Do(req.Context(), req, Options{})
}

// Do sends the request and returns the answer with its body still to be read.
// The context is ctx, whatever req's says. A 101 answer's body is also an
// io.Writer, with a CloseWrite method.
//
// When the context ends, even while the body of the answer is read, its
// connection is closed at once and the error is the context's cause. When no
// connection can be made the error holds a *net.OpError whose Op is "dial".
//
// A request is sent a second time, on a new connection, if the first was an old
// one that the server closed before a byte of the answer came, and if sending
// it again can do no harm: see repeatable.
func (t *Transport) Do(ctx context.Context, req *http.Request, o Options) (*http.Response, error) {
	if err := check(req); err != nil {
		closeBody(req.Body)
		return nil, err
	}
	l := limits{ctx, o.Deadline}
	c, err := t.take(l)
	if err != nil {
		closeBody(req.Body)
		return nil, err
	}
	x := newExchange(t, c, req, l, o)
	resp, err := x.run(req.Body)
	if err == nil || !x.repeatable() {
		return resp, err
	}
	return t.repeat(x)
}

// repeat sends the request of a failed exchange on a new connection.
func (t *Transport) repeat(failed *exchange) (*http.Response, error) {
	req := failed.req
	body := req.Body
	if req.GetBody != nil {
		var err error
		if body, err = req.GetBody(); err != nil {
			return nil, fmt.Errorf("read the request's body again: %w", err)
		}
	}
	c, err := t.dial(failed.limits)
	if err != nil {
		closeBody(body)
		return nil, err
	}
	return newExchange(t, c, req, failed.limits, failed.options).run(body)
}
