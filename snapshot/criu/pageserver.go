package criu

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// socketBuffer is what the socket may hold of the pages, in bytes, so that
// CRIU seldom waits for us. The kernel gives less without CAP_NET_ADMIN.
const socketBuffer = 32 << 20

// pageServer takes the pages of a dump from CRIU while the process is frozen:
// they are the process's own memory until we have copied them, which is why
// CRIU waits for the answer to its last command before it lets the process go.
type pageServer struct {
	fd     int
	theirs *os.File
	stream *stream
	store  *store
	done   chan struct{}
	err    error // once done
}

// newPageServer makes the socket and starts to serve it.
func newPageServer(s *store) (*pageServer, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("page server: %w", err)
	}
	for _, fd := range fds {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, socketBuffer) != nil {
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, socketBuffer) // as much as we may
		}
	}
	p := &pageServer{fd: fds[0], theirs: os.NewFile(uintptr(fds[1]), "pages"), stream: newStream(maxStream), store: s, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		defer letOthersGoOn()()
		p.err = p.serve()
		_ = unix.Shutdown(p.fd, unix.SHUT_RDWR) // after an error CRIU shall not wait for us
	}()
	return p, nil
}

// maxStream bounds a page stream, in bytes.
const maxStream = 1 << 42

// serve blocks a thread of its own: the runtime's poller would cost two
// switches between goroutines for each read.
func (p *pageServer) serve() error {
	for !p.stream.finished {
		space, err := p.store.space()
		if err != nil {
			return err
		}
		n, err := unix.Read(p.fd, space)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return fmt.Errorf("read pages: %w", err)
		case n == 0:
			return errTruncated
		}
		answer, err := p.stream.feed(space[:n])
		if err != nil {
			return err
		}
		if err := p.store.filled(n); err != nil {
			return fmt.Errorf("keep pages: %w", err)
		}
		if len(answer) == 0 {
			continue
		}
		if err := unix.Send(p.fd, answer, unix.MSG_NOSIGNAL); err != nil {
			return fmt.Errorf("answer CRIU: %w", err)
		}
	}
	return nil
}

// started closes our copy of CRIU's end.
func (p *pageServer) started() { _ = p.theirs.Close() }

// stop makes a dump that is under way fail: CRIU cannot send any more, or does
// not get the answer to its last command, removes what it put into the process
// and lets it go.
func (p *pageServer) stop() { _ = unix.Shutdown(p.fd, unix.SHUT_RDWR) }

// close ends the serving and frees the socket.
func (p *pageServer) close() {
	p.started()
	p.stop()
	<-p.done
	_ = unix.Close(p.fd)
}

// letOthersGoOn makes the kernel not interrupt who wakes the calling thread for
// it, on the same CPU. CRIU wakes it for each of some thousand pieces, and
// there is nothing to be won by taking them at once.
func letOthersGoOn() (done func()) {
	runtime.LockOSThread()
	before, err := unix.SchedGetAttr(0, 0)
	if err == nil && before.Policy == unix.SCHED_NORMAL {
		batch := *before
		batch.Policy = unix.SCHED_BATCH
		err = unix.SchedSetAttr(0, &batch, 0)
	}
	return func() {
		if err == nil && unix.SchedSetAttr(0, before, 0) != nil {
			return // the thread ends with the goroutine
		}
		runtime.UnlockOSThread()
	}
}
