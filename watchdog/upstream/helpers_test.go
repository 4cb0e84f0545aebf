package upstream_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/watchdog/upstream"
)

// server counts the connections that it accepts.
type server struct {
	addr     string
	accepted atomic.Int32
}

// serve runs script on every connection, then closes it.
func serve(t testing.TB, script func(conn net.Conn, in *bufio.Reader, nth int)) *server {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	s := &server{addr: ln.Addr().String()}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			nth := int(s.accepted.Add(1))
			go func() {
				defer conn.Close()
				script(conn, bufio.NewReader(conn), nth)
			}()
		}
	}()
	return s
}

// answering answers every request on a connection with the same bytes.
func answering(answer string) func(net.Conn, *bufio.Reader, int) {
	return func(conn net.Conn, in *bufio.Reader, _ int) {
		for skipRequest(in) == nil {
			_, _ = io.WriteString(conn, answer)
		}
	}
}

// answeringOnce answers one request and closes the connection.
func answeringOnce(answer string) func(net.Conn, *bufio.Reader, int) {
	return func(conn net.Conn, in *bufio.Reader, _ int) {
		if skipRequest(in) == nil {
			_, _ = io.WriteString(conn, answer)
		}
	}
}

func skipRequest(in *bufio.Reader) error {
	req, err := http.ReadRequest(in)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, req.Body)
	return err
}

// function serves HTTP with net/http.
func function(t testing.TB, h http.HandlerFunc) *server {
	t.Helper()
	s := &server{}
	ts := httptest.NewUnstartedServer(h)
	ts.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.accepted.Add(1)
		}
	}
	ts.Start()
	t.Cleanup(ts.Close)
	s.addr = ts.Listener.Addr().String()
	return s
}

func transport(t testing.TB, addr string) *upstream.Transport {
	t.Helper()
	tr := upstream.New(upstream.Settings{Addr: addr, DialTimeout: time.Second, IdleTimeout: time.Minute, MaxIdle: 100, MaxHeaderBytes: 64 << 10})
	t.Cleanup(tr.Close)
	return tr
}

func request(t testing.TB, method string, body io.Reader) *http.Request {
	t.Helper()
	return requestWith(t.Context(), t, method, body)
}

func requestWith(ctx context.Context, t testing.TB, method string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, "http://function.example/path?q=1", body)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// exchange sends a request and reads the whole answer.
func exchange(t testing.TB, tr http.RoundTripper, req *http.Request) (*http.Response, string) {
	t.Helper()
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp, string(body)
}

// noLeaks checks at the end of a test, before its servers are stopped, that no
// goroutine of the package and no more descriptors than before are left.
func noLeaks(t *testing.T) {
	t.Helper()
	before := descriptors()
	t.Cleanup(func() {
		eventually(t, "a goroutine of the package is left", func() bool { return goroutines() == 0 })
		eventually(t, "a descriptor is left", func() bool { return descriptors() <= before })
	})
}

func goroutines() int {
	buf := make([]byte, 1<<20)
	n := 0
	for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(stack, "upstream.(*sender)") || strings.Contains(stack, "upstream.(*conn)") {
			n++
		}
	}
	return n
}

func descriptors() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

func eventually(t testing.TB, otherwise string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(otherwise)
		}
	}
}
