package upstream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/pronghorn-faas/pronghorn/watchdog/sockets"
)

// conn is a connection to the server. One request at a time uses it.
type conn struct {
	*sockets.Conn
	in  *bufio.Reader // from Read below
	out *bufio.Writer // to Write below

	// interrupt closes the connection. It is kept because a new method value
	// would be allocated for every request.
	interrupt func()

	bounded   bool      // a deadline is set
	round     uint64    // the transport's when the connection was made
	idleSince time.Time // when it was last put back, if connections time out
	reused    bool

	// Of the current request: what may still be read before it has to be an
	// answer's head, unlimited below 0, and what was read and written.
	headLeft       int
	received, sent bool
}

// dial connects to the server. A connection that was begun before a call of
// CloseIdle counts as one that was in use then.
func (t *Transport) dial(l limits) (*conn, error) {
	ctx, cancel := l.context()
	defer cancel()
	t.mu.Lock()
	round, closed := t.round, t.closed
	t.mu.Unlock()
	if closed {
		return nil, ErrClosed
	}
	d := net.Dialer{Timeout: t.settings.DialTimeout, KeepAlive: -1} // no probes: the peer is this machine
	nc, err := d.DialContext(ctx, "tcp", t.settings.Addr)
	if err != nil {
		return nil, dialError(ctx, err)
	}
	c, err := newConn(nc.(*net.TCPConn), round)
	if err != nil {
		return nil, err
	}
	if err := c.bound(l.deadline); err != nil {
		c.close()
		return nil, fmt.Errorf("connect to the function: %w", err)
	}
	return c, nil
}

// dialError tells the end of the context from other errors. The dialer looks at
// the context's deadline itself, and may be there before the context.
func dialError(ctx context.Context, err error) error {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		<-ctx.Done()
	}
	if ctx.Err() != nil {
		return limits{ctx: ctx}.exceeded()
	}
	return fmt.Errorf("connect to the function: %w", err)
}

func newConn(nc *net.TCPConn, round uint64) (*conn, error) {
	socket, err := sockets.New(nc)
	if err != nil {
		return nil, fmt.Errorf("connect to the function: %w", err)
	}
	c := &conn{Conn: socket, round: round}
	c.in, c.out = bufio.NewReader(readSide{c}), bufio.NewWriter(writeSide{c})
	c.interrupt = c.close
	return c, nil
}

// begin makes the connection ready for a request.
func (c *conn) begin(maxHead int) {
	c.headLeft, c.received, c.sent = maxHead, false, false
}

// bound makes reads and writes fail after the deadline; zero = never.
func (c *conn) bound(deadline time.Time) error {
	if deadline.IsZero() && !c.bounded {
		return nil
	}
	c.bounded = !deadline.IsZero()
	return c.SetDeadline(deadline)
}

// close closes the connection, which interrupts what is being read and written.
func (c *conn) close() {
	_ = c.Conn.Close() // there is nothing left to do about a failure
}

// closeWrite tells the server that no request will follow.
func (c *conn) closeWrite() {
	_ = c.CloseWrite() // the wait for the server's end tells
}

// awaitEnd waits until the server has closed its side, and closes ours.
func (c *conn) awaitEnd(ctx context.Context) error {
	defer c.close()
	defer context.AfterFunc(ctx, c.interrupt)()
	if err := c.bound(time.Time{}); err != nil { // that of its last request
		return fmt.Errorf("end a connection to the function: %w", err)
	}
	_, err := io.Copy(io.Discard, c.Conn)
	if ctx.Err() != nil {
		return fmt.Errorf("the function does not close a connection that is not used any more: %w", context.Cause(ctx))
	}
	if err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, syscall.ECONNRESET) {
		return fmt.Errorf("end a connection to the function: %w", err)
	}
	return nil
}

// alive reports whether an idle connection can be used: it is still open and
// the server has sent nothing that nobody asked for.
func (c *conn) alive() bool {
	return c.in.Buffered() == 0 && c.Silent()
}

// readSide is what the connection's buffer reads from.
type readSide struct{ c *conn }

func (r readSide) Read(p []byte) (int, error) {
	c := r.c
	if c.headLeft == 0 {
		return 0, ErrHeaderTooLarge
	}
	if c.headLeft > 0 && len(p) > c.headLeft {
		p = p[:c.headLeft]
	}
	n, err := c.Conn.Read(p)
	c.received = c.received || n > 0
	if c.headLeft > 0 {
		c.headLeft -= n
	}
	return n, err
}

// writeSide is what the connection's buffer writes to.
type writeSide struct{ c *conn }

func (w writeSide) Write(p []byte) (int, error) {
	n, err := w.c.Conn.Write(p)
	w.c.sent = w.c.sent || n > 0
	return n, err
}
