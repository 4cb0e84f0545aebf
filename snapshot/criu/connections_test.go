package criu_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/require"
)

// A server that counts, answers on its first connection, has shut down its
// second one without closing it, and accepts no other. When the first turns out
// to be closed it says so, and accepts another.
const pythonServer = `
import socket, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 7777))
s.listen(8)
first, _ = s.accept()
second, _ = s.accept()
while second.recv(100): pass
second.shutdown(socket.SHUT_WR)
first.setblocking(False)
n = 0
while True:
    n += 1
    print("n", n, flush=True)
    time.sleep(0.01)
    try:
        data = first.recv(100)
    except BlockingIOError:
        continue
    if data:
        first.send(data)
    else:
        print("closed", flush=True)
        first, _ = s.accept()
        first.setblocking(False)
`

func dialServer(t *testing.T) *net.TCPConn {
	t.Helper()
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", "127.0.0.1:7777")
		if err == nil {
			t.Cleanup(func() { _ = conn.Close() })
			return conn.(*net.TCPConn)
		}
		if time.Since(begin) > 20*time.Second {
			t.Fatal(err)
		}
	}
}

// echoes wants an answer on a connection.
func echoes(t *testing.T, conn *net.TCPConn) {
	t.Helper()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	var buf [4]byte
	if _, err := conn.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(buf[:]); err != nil || string(buf[:]) != "ping" {
		t.Fatalf("the answer is %q, %v", buf, err)
	}
}

// A dump leaves connections as they are, whatever state they are in, and needs no
// rights for them. A restored process finds them closed.
func TestConnectionsAreLeftAloneByADump(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	if !inSandbox(t) || !withRights(t, twoBounding, "--inh-caps=-all") {
		return
	}
	p := launch(t, "pypy3", "-c", pythonServer)
	first, second := dialServer(t), dialServer(t)
	if err := second.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	for p.next(t) < 20 {
	}
	waiting := dialServer(t)
	dir, process := intoMemory(t, p)
	echoes(t, first)
	_ = waiting.Close()
	p.kill(t)

	restored := restore(t, dir, process)
	for begin := time.Now(); ; {
		select {
		case line := <-restored.lines:
			if strings.HasPrefix(line, "closed") {
				echoes(t, dialServer(t)) // it listens
				return
			}
		case <-time.After(20*time.Second - time.Since(begin)):
			t.Fatal("the restored process does not find its connection closed")
		}
	}
}
