package proxy

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
)

// errEnded is what a body says that is read after its request has ended.
var errEnded = errors.New("the request has ended")

// sentBody is a request's body that a failed try does not close, and that
// knows how far it was read. A nil body has nothing to read.
type sentBody struct {
	io.ReadCloser
	read, whole, ended atomic.Bool
}

// Read notes that the body is being used up, and marks the errors as the
// body's.
func (b *sentBody) Read(p []byte) (int, error) {
	b.read.Store(true)
	if b.ended.Load() {
		return 0, &bodyError{errEnded}
	}
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == io.EOF:
		b.whole.Store(true)
	case err != nil:
		err = &bodyError{err}
	}
	return n, err
}

// Close does nothing: the client's body is closed when the request is done.
func (b *sentBody) Close() error { return nil }

// end lets nobody read any more.
func (b *sentBody) end() {
	if b != nil {
		b.ended.Store(true)
	}
}

// touched reports whether anybody has read, or tried to.
func (b *sentBody) touched() bool { return b != nil && b.read.Load() }

// unread reports whether the end has not been read.
func (b *sentBody) unread() bool { return b != nil && !b.whole.Load() }

// buffer reads the body, if that is asked for. The function then gets it with
// its length.
func (c *call) buffer() error {
	if !c.proxy.settings.BufferBody || c.from == nil {
		return nil
	}
	body, err := io.ReadAll(c.from)
	if err != nil {
		return err
	}
	c.body = nil
	if len(body) > 0 {
		c.body = &sentBody{ReadCloser: io.NopCloser(bytes.NewReader(body))}
	}
	c.r.ContentLength, c.r.TransferEncoding = int64(len(body)), nil
	return nil
}

// leave says before the answer begins that the connection ends with it, if the
// answer's end cannot be sent before the request's body is dealt with.
func (c *call) leave(length int64) {
	if length < 0 && c.from.unread() {
		c.close()
	}
}

// close makes the server end the connection with the answer, which must not
// have begun. It waits for the client to have read it.
func (c *call) close() {
	c.w.Header().Set("Connection", "close")
	c.done = true
}

// settle deals with what is left of the request's body when it was answered,
// so that it is not taken for the next request: it is thrown away, or if it is
// long or malformed, the connection is closed. The server does that by itself,
// but not for an answer that may begin before the body was read, where it also
// panics at the next request (https://go.dev/issue/68560).
func (c *call) settle() {
	if c.done || !c.from.unread() {
		return
	}
	c.flush()
	if c.r.Body.Close() != nil {
		panic(http.ErrAbortHandler)
	}
}
