// Package sockets has TCP connections that are read and written without the
// scheduler's knowledge.
//
// The runtime brackets every system call of package net, since it might block:
// its monitor thread is woken to look at the call, and if that is not over
// within some 20 µs, the right to run Go code is handed to another thread. On a
// CPU that a watchdog shares with its function the call that sends a request is
// rarely over by then, because the function is what the kernel runs next. Reads
// and writes here are asked not to block, so they need none of that; what has to
// wait still waits in the runtime's poller, with the deadlines of the
// connection. docs/proxy-speed.md has what it saves.
package sockets

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

// Conn is a TCP connection. It differs from the one that it holds in what a Read
// and a Write cost, and in nothing else.
type Conn struct {
	*net.TCPConn
	raw     syscall.RawConn
	in, out half
}

// New returns a connection in front of c, which stays good for large copies
// within the kernel. It fails if c is closed.
func New(c *net.TCPConn) (*Conn, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &Conn{TCPConn: c, raw: raw}
	s.in.try, s.in.once, s.out.try = s.in.receive, s.in.peek, s.out.send
	return s, nil
}

// half is one direction. It holds what a system call needs, so that none
// allocates; the mutex keeps those apart who use a direction at the same time.
type half struct {
	mu    sync.Mutex
	buf   []byte
	flags int
	done  int // bytes
	errno syscall.Errno
	look  [1]byte
	// Kept, since a new method value would be allocated for every call.
	try, once func(fd uintptr) (done bool)
}

// receive reads what there is, and reports false when there is nothing yet.
func (h *half) receive(fd uintptr) bool {
	for {
		h.done, h.errno = recv(fd, h.buf, h.flags)
		switch h.errno {
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			return true
		}
	}
}

// peek does so, and never waits.
func (h *half) peek(fd uintptr) bool {
	_ = h.receive(fd)
	return true
}

// send writes, and reports false when there is no room for the rest yet.
func (h *half) send(fd uintptr) bool {
	for h.done < len(h.buf) {
		n, errno := send(fd, h.buf[h.done:])
		switch errno {
		case 0:
			h.done += n
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			h.errno = errno
			return true
		}
	}
	return true
}

// begin makes p the buffer of one call, which ends with release.
func (h *half) begin(p []byte, flags int) {
	h.mu.Lock()
	h.buf, h.flags, h.done, h.errno = p, flags, 0, 0
}

func (h *half) release() {
	h.buf = nil // nobody's garbage
	h.mu.Unlock()
}

// Read reads what the peer has sent.
func (c *Conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	h := &c.in
	h.begin(p, 0)
	defer h.release()
	switch err := c.raw.Read(h.try); {
	case err != nil:
		return 0, c.failed("read", err)
	case h.errno != 0:
		return 0, c.failed("read", os.NewSyscallError("read", h.errno))
	case h.done == 0:
		return 0, io.EOF
	}
	return h.done, nil
}

// Write writes all of p, unless there is an error.
func (c *Conn) Write(p []byte) (int, error) {
	h := &c.out
	h.begin(p, 0)
	defer h.release()
	if err := c.raw.Write(h.try); err != nil {
		return h.done, c.failed("write", err)
	}
	if h.errno != 0 {
		return h.done, c.failed("write", os.NewSyscallError("write", h.errno))
	}
	return h.done, nil
}

// failed is an error as package net has it.
func (c *Conn) failed(op string, err error) error {
	var inner *net.OpError
	if errors.As(err, &inner) {
		err = inner.Err // of the operation, which RawConn names otherwise
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// Silent reports whether the connection is open and has received nothing that
// was not read. It does not wait, and nobody else may read meanwhile.
func (c *Conn) Silent() bool {
	h := &c.in
	h.begin(h.look[:], syscall.MSG_PEEK)
	defer h.release()
	err := c.raw.Read(h.once)
	return err == nil && h.errno == syscall.EAGAIN
}

// Listener is one whose connections are of this package.
type Listener struct{ net.Listener }

// Accept waits for a connection.
func (l Listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return c, nil
	}
	s, err := New(tcp)
	if err != nil {
		return c, nil // it is closed, as whoever reads it will see
	}
	return s, nil
}
