package upstream

import (
	"fmt"
	"io"
	"net/http"
)

// body is an answer's body. Its end, or its Close, ends the exchange.
type body struct {
	io.ReadCloser
	exchange *exchange
	left     int64 // of it, in bytes; below 0 = unknown
	err      error // what every further Read returns
}

// Read reads from the connection until the answer's end.
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.exchange.over.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	if err == nil {
		return n, nil
	}
	b.err = b.exchange.finish(err)
	return n, b.err
}

// Close gives up what has not been read, with its connection.
func (b *body) Close() error {
	b.exchange.end(false)
	return nil
}

// finish ends the exchange with the error that ended its answer's body.
func (x *exchange) finish(err error) error {
	if err == io.EOF {
		x.end(x.keep)
		return err
	}
	closed, exceeded := x.over.Load(), x.limits.exceeded()
	x.end(false)
	switch {
	case exceeded != nil:
		return exceeded
	case closed:
		return http.ErrBodyReadAfterClose
	case x.sender != nil && x.sender.failure() != nil:
		return fmt.Errorf("read the request's body: %w", x.sender.failure())
	}
	return fmt.Errorf("read the function's answer: %w", err)
}

// tunnel is the body of an answer that switched protocols: the connection, with
// what had been read from it already.
type tunnel struct{ exchange *exchange }

// Read returns what the server sends.
func (t *tunnel) Read(p []byte) (int, error) {
	n, err := t.exchange.conn.in.Read(p)
	if err != nil {
		t.exchange.report()
	}
	if err != nil && err != io.EOF {
		err = t.explain(err)
	}
	return n, err
}

// Write sends to the server.
func (t *tunnel) Write(p []byte) (int, error) {
	n, err := t.exchange.conn.Write(p)
	if err != nil {
		err = t.explain(err)
	}
	return n, err
}

// explain tells the end of the context from other errors.
func (t *tunnel) explain(err error) error {
	if exceeded := t.exchange.limits.exceeded(); exceeded != nil {
		return exceeded
	}
	return err
}

// CloseWrite tells the server that nothing more will be sent to it.
func (t *tunnel) CloseWrite() error {
	return t.exchange.conn.CloseWrite()
}

// Close closes the connection.
func (t *tunnel) Close() error {
	t.exchange.end(false)
	return nil
}
