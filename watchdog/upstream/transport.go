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

// RoundTrip sends the request and returns the answer with its body still to be
// read. A 101 answer's body is also an io.Writer, with a CloseWrite method.
//
// When the request's context ends, even while the body of the answer is read,
// its connection is closed at once and the error is the context's cause. When
// no connection can be made the error holds a *net.OpError whose Op is "dial".
//
// A request is sent a second time, on a new connection, if the first was an old
// one that the server closed before a byte of the answer came, and if sending
// it again can do no harm: see repeatable.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := check(req); err != nil {
		closeBody(req.Body)
		return nil, err
	}
	c, err := t.take(req.Context())
	if err != nil {
		closeBody(req.Body)
		return nil, err
	}
	x := newExchange(t, c, req)
	resp, err := x.run(req.Body)
	if err == nil || !x.repeatable() {
		return resp, err
	}
	return t.repeat(req)
}

// repeat sends the request on a new connection.
func (t *Transport) repeat(req *http.Request) (*http.Response, error) {
	body := req.Body
	if req.GetBody != nil {
		var err error
		if body, err = req.GetBody(); err != nil {
			return nil, fmt.Errorf("read the request's body again: %w", err)
		}
	}
	c, err := t.dial(req.Context())
	if err != nil {
		closeBody(body)
		return nil, err
	}
	return newExchange(t, c, req).run(body)
}

// interrupted is the error of a request whose context has ended.
func interrupted(ctx context.Context) error {
	return fmt.Errorf("request to the function: %w", context.Cause(ctx))
}
