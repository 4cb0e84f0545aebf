package upstream_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/watchdog/upstream"
)

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

func TestDialFailureSaysSo(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	noLeaks(t)
	body := counted(strings.NewReader("x"))
	_, err = transport(t, ln.Addr().String()).RoundTrip(request(t, http.MethodPost, body))
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "dial" {
		t.Errorf("got %v, want a *net.OpError of a dial", err)
	}
	<-body.closed
}

func TestDialEndsWithTheContext(t *testing.T) {
	noLeaks(t)
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, errStop)
	defer cancel()
	tr := upstream.New(upstream.Settings{Addr: full(t)})
	if _, err := tr.RoundTrip(requestWith(ctx, t, http.MethodGet, nil)); !errors.Is(err, errStop) {
		t.Errorf("got %v, want the context's cause", err)
	}
}

func TestDialTimeout(t *testing.T) {
	tr := upstream.New(upstream.Settings{Addr: full(t), DialTimeout: 20 * time.Millisecond})
	_, err := tr.RoundTrip(request(t, http.MethodGet, nil))
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "dial" || !op.Timeout() {
		t.Errorf("got %v, want a dial that timed out", err)
	}
}

// stale is a server that closes its first connection after one request, or
// when it has read the second.
func stale(t *testing.T, onSecond bool) *server {
	return serve(t, func(conn net.Conn, in *bufio.Reader, nth int) {
		for n := 1; skipRequest(in) == nil; n++ {
			if nth == 1 && n == 2 {
				return
			}
			fmt.Fprint(conn, ok)
			if nth == 1 && !onSecond {
				return
			}
		}
	})
}

func TestConnectionThatTheServerClosedIsNotUsed(t *testing.T) {
	s := stale(t, false)
	noLeaks(t)
	tr := transport(t, s.addr)
	exchange(t, tr, request(t, http.MethodPost, nil))
	time.Sleep(20 * time.Millisecond) // until the server's end has arrived
	exchange(t, tr, request(t, http.MethodPost, strings.NewReader("x")))
	if got := s.accepted.Load(); got != 2 {
		t.Errorf("%d connections, want 2", got)
	}
}

func TestConnectionClosedAtTheMomentOfUse(t *testing.T) {
	for claim, tc := range map[string]struct {
		method  string
		body    io.Reader
		repeats bool
	}{
		"GET is sent again":                              {http.MethodGet, nil, true},
		"DELETE is sent again":                           {http.MethodDelete, nil, true},
		"PUT is sent again if its body can be had again": {http.MethodPut, strings.NewReader("x"), true},
		"PUT is not, if its body was read":               {http.MethodPut, io.MultiReader(strings.NewReader("x")), false},
		"POST may have been worked on":                   {http.MethodPost, nil, false},
	} {
		t.Run(claim, func(t *testing.T) {
			s := stale(t, true)
			noLeaks(t)
			tr := transport(t, s.addr)
			exchange(t, tr, request(t, http.MethodGet, nil))
			resp, err := tr.RoundTrip(request(t, tc.method, tc.body))
			if (err == nil) != tc.repeats {
				t.Fatalf("got %v", err)
			}
			if err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
			}
		})
	}
}

func TestConnectionThatIsNewIsNotTriedTwice(t *testing.T) {
	s := serve(t, func(_ net.Conn, in *bufio.Reader, _ int) { _ = skipRequest(in) })
	if _, err := transport(t, s.addr).RoundTrip(request(t, http.MethodGet, nil)); err == nil || s.accepted.Load() != 1 {
		t.Errorf("got %v on %d connections, want an error on 1", err, s.accepted.Load())
	}
}

// open counts the connections that a server has.
type open struct {
	mu sync.Mutex
	n  int
}

func (o *open) add(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.n += n
}

func (o *open) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.n
}

func (o *open) counting(script func(net.Conn, *bufio.Reader, int)) func(net.Conn, *bufio.Reader, int) {
	return func(conn net.Conn, in *bufio.Reader, nth int) {
		o.add(1)
		defer o.add(-1)
		script(conn, in, nth)
	}
}

func TestCloseIdle(t *testing.T) {
	var o open
	s := serve(t, o.counting(answering(ok)))
	noLeaks(t)
	tr := transport(t, s.addr)
	var running []*http.Response
	for range 3 {
		resp, err := tr.RoundTrip(request(t, http.MethodGet, nil))
		if err != nil {
			t.Fatal(err)
		}
		running = append(running, resp)
	}
	_, _ = io.Copy(io.Discard, running[0].Body)
	tr.CloseIdle()
	eventually(t, "the idle connection is still open", func() bool { return o.count() == 2 })
	for _, resp := range running[1:] {
		if body, err := io.ReadAll(resp.Body); string(body) != "ok" || err != nil {
			t.Errorf("a running request got %q, %v", body, err)
		}
	}
	eventually(t, "a connection from before is still open", func() bool { return o.count() == 0 })
	exchange(t, tr, request(t, http.MethodGet, nil))
	exchange(t, tr, request(t, http.MethodGet, nil))
	if got := s.accepted.Load(); got != 4 {
		t.Errorf("%d connections, want 4: later ones are kept", got)
	}
}

func TestDrainWaitsForTheServersEnd(t *testing.T) {
	var o open
	slow := func(conn net.Conn, in *bufio.Reader, nth int) {
		answering(ok)(conn, in, nth)
		time.Sleep(30 * time.Millisecond) // between our end and its own
	}
	s := serve(t, o.counting(slow))
	noLeaks(t)
	tr := transport(t, s.addr)
	exchange(t, tr, request(t, http.MethodGet, nil))
	if err := tr.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := o.count(); n != 0 {
		t.Errorf("%d connections are open at the server", n)
	}
	exchange(t, tr, request(t, http.MethodGet, nil)) // on a new one
	if got := s.accepted.Load(); got != 2 {
		t.Errorf("%d connections, want 2", got)
	}
}

func TestDrainEndsWithItsContext(t *testing.T) {
	release := make(chan struct{})
	s := serve(t, func(conn net.Conn, in *bufio.Reader, nth int) {
		answering(ok)(conn, in, nth)
		<-release // never closes by itself
	})
	defer close(release)
	tr := transport(t, s.addr)
	exchange(t, tr, request(t, http.MethodGet, nil))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := tr.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's end", err)
	}
}

func TestClose(t *testing.T) {
	var o open
	s := serve(t, o.counting(answering(ok)))
	noLeaks(t)
	tr := transport(t, s.addr)
	resp, err := tr.RoundTrip(request(t, http.MethodGet, nil))
	if err != nil {
		t.Fatal(err)
	}
	tr.Close()
	if body, err := io.ReadAll(resp.Body); string(body) != "ok" || err != nil {
		t.Errorf("a running request got %q, %v", body, err)
	}
	eventually(t, "a connection is still open", func() bool { return o.count() == 0 })
	if _, err := tr.RoundTrip(request(t, http.MethodGet, nil)); !errors.Is(err, upstream.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

func TestIdleConnectionsGrowOld(t *testing.T) {
	var o open
	s := serve(t, o.counting(answering(ok)))
	noLeaks(t)
	tr := upstream.New(upstream.Settings{Addr: s.addr, IdleTimeout: 20 * time.Millisecond, MaxIdle: 10})
	exchange(t, tr, request(t, http.MethodGet, nil))
	eventually(t, "the connection is still open", func() bool { return o.count() == 0 })
	exchange(t, tr, request(t, http.MethodGet, nil))
	eventually(t, "the second connection is still open", func() bool { return o.count() == 0 })
}

func TestMaxIdle(t *testing.T) {
	var o open
	s := serve(t, o.counting(answering(ok)))
	tr := upstream.New(upstream.Settings{Addr: s.addr, MaxIdle: 1})
	defer tr.Close()
	var running []*http.Response
	for range 3 {
		resp, err := tr.RoundTrip(request(t, http.MethodGet, nil))
		if err != nil {
			t.Fatal(err)
		}
		running = append(running, resp)
	}
	for _, resp := range running {
		_, _ = io.Copy(io.Discard, resp.Body)
	}
	eventually(t, "more or less than 1 connection is kept", func() bool { return o.count() == 1 })
}

func TestManyAtOnce(t *testing.T) {
	s := function(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	})
	noLeaks(t)
	tr := transport(t, s.addr)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() { hammer(t, tr) })
	}
	for range 20 {
		tr.CloseIdle()
		time.Sleep(time.Millisecond)
	}
	all.Wait()
}

func hammer(t *testing.T, tr *upstream.Transport) {
	for n := range 100 {
		ctx, cancel := context.WithCancel(t.Context())
		if n%10 == 9 {
			time.AfterFunc(200*time.Microsecond, cancel)
		}
		want := strings.Repeat("x", n*200)
		resp, err := tr.RoundTrip(requestWith(ctx, t, http.MethodPost, strings.NewReader(want)))
		if err == nil {
			var got []byte
			got, err = io.ReadAll(resp.Body)
			if err == nil && string(got) != want {
				t.Errorf("got %d bytes, want %d", len(got), len(want))
			}
			_ = resp.Body.Close()
		}
		if err != nil && ctx.Err() == nil {
			t.Error(err)
		}
		cancel()
	}
}
