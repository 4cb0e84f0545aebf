package sockets_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/watchdog/sockets"
)

// pair is a connection of this package and its peer.
func pair(t *testing.T) (*sockets.Conn, *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	peer, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := sockets.Listener{Listener: ln}.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = c.Close(), peer.Close() })
	socket, ok := c.(*sockets.Conn)
	if !ok {
		t.Fatalf("accepted a %T", c)
	}
	return socket, peer.(*net.TCPConn)
}

func TestBothSidesGetAllThatWasSent(t *testing.T) {
	c, peer := pair(t)
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<20) // more than the kernel buffers
	failed := make(chan error, 1)
	go func() {
		_, err := c.Write(sent)
		failed <- errors.Join(err, c.CloseWrite())
	}()
	if got, err := io.ReadAll(peer); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("the peer got %d of %d bytes, %v", len(got), len(sent), err)
	}
	if err := <-failed; err != nil {
		t.Error(err)
	}
	go func() {
		_, err := peer.Write(sent)
		failed <- errors.Join(err, peer.CloseWrite())
	}()
	if got, err := io.ReadAll(struct{ io.Reader }{c}); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("got %d of %d bytes, %v", len(got), len(sent), err)
	}
	if err := <-failed; err != nil {
		t.Error(err)
	}
}

func TestSilentIsWhoIsOpenAndSaysNothing(t *testing.T) {
	c, peer := pair(t)
	if !c.Silent() {
		t.Error("a new connection is not silent")
	}
	if _, err := peer.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	soon(t, "something was received", func() bool { return !c.Silent() })
	if n, err := c.Read(make([]byte, 8)); n != 1 || err != nil {
		t.Errorf("after the look: %d bytes, %v; want the 1 that was sent", n, err)
	}
	if !c.Silent() {
		t.Error("not silent after all was read")
	}
	if err := peer.Close(); err != nil {
		t.Fatal(err)
	}
	soon(t, "the peer has closed", func() bool { return !c.Silent() })
}

func soon(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s, which is not seen", what)
		}
	}
}

func TestErrorsAreThoseOfPackageNet(t *testing.T) {
	large := make([]byte, 64<<20)
	for claim, tc := range map[string]struct {
		before func(c *sockets.Conn, peer *net.TCPConn)
		call   func(c *sockets.Conn) (int, error)
		op     string
		is     error
	}{
		"a read after its deadline": {
			func(c *sockets.Conn, _ *net.TCPConn) { _ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond)) },
			func(c *sockets.Conn) (int, error) { return c.Read(make([]byte, 1)) }, "read", os.ErrDeadlineExceeded},
		"a write after its deadline": {
			func(c *sockets.Conn, _ *net.TCPConn) { _ = c.SetWriteDeadline(time.Now().Add(20 * time.Millisecond)) },
			func(c *sockets.Conn) (int, error) { return c.Write(large) }, "write", os.ErrDeadlineExceeded},
		"a read that Close ends": {
			func(c *sockets.Conn, _ *net.TCPConn) { time.AfterFunc(20*time.Millisecond, func() { _ = c.Close() }) },
			func(c *sockets.Conn) (int, error) { return c.Read(make([]byte, 1)) }, "read", net.ErrClosed},
		"a write that Close ends": {
			func(c *sockets.Conn, _ *net.TCPConn) { time.AfterFunc(20*time.Millisecond, func() { _ = c.Close() }) },
			func(c *sockets.Conn) (int, error) { return c.Write(large) }, "write", net.ErrClosed},
		"a read from who resets": {
			func(_ *sockets.Conn, peer *net.TCPConn) { _, _ = peer.SetLinger(0), peer.Close() },
			func(c *sockets.Conn) (int, error) { return c.Read(make([]byte, 1)) }, "read", syscall.ECONNRESET},
	} {
		t.Run(claim, func(t *testing.T) {
			c, peer := pair(t)
			tc.before(c, peer)
			_, err := tc.call(c)
			var op *net.OpError
			if !errors.As(err, &op) || op.Op != tc.op || !errors.Is(err, tc.is) {
				t.Errorf("got %v, want a %s that failed with %v", err, tc.op, tc.is)
			}
		})
	}
}

func TestTheEndOfAPeerIsEOF(t *testing.T) {
	c, peer := pair(t)
	if err := peer.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("got %d, %v", n, err)
	}
	if n, err := c.Read(nil); n != 0 || err != nil {
		t.Errorf("an empty read: %d, %v", n, err)
	}
	if n, err := c.Write(nil); n != 0 || err != nil {
		t.Errorf("an empty write: %d, %v", n, err)
	}
}
