package proxy_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/watchdog/access"
	"github.com/pronghorn-faas/pronghorn/watchdog/gate"
	"github.com/pronghorn-faas/pronghorn/watchdog/metrics"
	"github.com/pronghorn-faas/pronghorn/watchdog/proxy"
)

// fixture is a proxy in front of a function.
type fixture struct {
	gate   *gate.Gate
	url    string
	log    *bytes.Buffer
	mu     sync.Mutex
	passed []int // request numbers observed
}

func (f *fixture) observe(p gate.Pass, _ time.Duration, _ int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.passed = append(f.passed, p.Number)
}

func (f *fixture) observed() []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]int(nil), f.passed...)
}

func newFixture(t *testing.T, upstream string, change func(*proxy.Settings)) *fixture {
	t.Helper()
	u, err := url.Parse(upstream)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{gate: &gate.Gate{}, log: &bytes.Buffer{}}
	s := proxy.Settings{Upstream: u, ExecTimeout: 5 * time.Second, Headers: true, Log: access.Log{Lines: log.New(f.log, "", 0)}}
	if change != nil {
		change(&s)
	}
	server := httptest.NewServer(proxy.New(s, f.gate, f.observe, metrics.New()))
	t.Cleanup(server.Close)
	f.url = server.URL
	f.gate.Open(gate.Lifetime{ID: "life", RequestNumber: 4}, 0)
	return f
}

func function(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestRequestArrivesAsItWasSent(t *testing.T) {
	var got *http.Request
	var body []byte
	upstream := function(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Clone(r.Context())
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "answer")
	})
	f := newFixture(t, upstream+"/base", nil)
	req, _ := http.NewRequest(http.MethodPut, f.url+"/a%2Fb//c?x=1&y;z", strings.NewReader("body"))
	req.Host = "function.example"
	req.Header["X-Many"] = []string{"1", "2"}
	req.Header.Set("X-Forwarded-For", "1.2.3.4")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(resp.Body)
	if got.Method != http.MethodPut || got.RequestURI != "/base/a%2Fb//c?x=1&y;z" || got.Host != "function.example" ||
		got.ContentLength != 4 || string(body) != "body" || len(got.Header["X-Many"]) != 2 || got.Header.Get("X-Forwarded-For") != "1.2.3.4" {
		t.Errorf("the function got %s %s host %s length %d headers %v body %q", got.Method, got.RequestURI, got.Host, got.ContentLength, got.Header, body)
	}
	if resp.StatusCode != http.StatusTeapot || string(answer) != "answer" || resp.Header.Get("X-Duration-Seconds") == "" {
		t.Errorf("the client got %d %q %v", resp.StatusCode, answer, resp.Header)
	}
	if resp.Header.Get("X-Pronghorn-Lifetime") != "life" || resp.Header.Get("X-Pronghorn-Request-Number") != "5" {
		t.Errorf("headers %v", resp.Header)
	}
	if want := "PUT /a%2Fb//c?x=1&y;z - 418 I'm a teapot - ContentLength: 6B"; !strings.Contains(f.log.String(), want) {
		t.Errorf("log %q, want %q in it", f.log, want)
	}
}

func TestRequestWaitsForTheGate(t *testing.T) {
	f := newFixture(t, function(t, func(http.ResponseWriter, *http.Request) {}), nil)
	f.gate.Shut()
	time.AfterFunc(50*time.Millisecond, func() { f.gate.Reopen(0) })
	resp, _ := get(t, f.url)
	if wait := resp.Header.Get("X-Pronghorn-Wait-Us"); resp.StatusCode != http.StatusOK || len(wait) < 5 {
		t.Errorf("status %d after waiting %s µs: want 200 after 50 ms or more", resp.StatusCode, wait)
	}
}

func TestTimeouts(t *testing.T) {
	slow := function(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-time.After(5 * time.Second):
		}
	})
	for claim, tc := range map[string]struct {
		shut bool
		want int
	}{
		"the function is too slow":          {want: http.StatusGatewayTimeout},
		"the function is not ready in time": {shut: true, want: http.StatusGatewayTimeout},
	} {
		t.Run(claim, func(t *testing.T) {
			f := newFixture(t, slow, func(s *proxy.Settings) { s.ExecTimeout = 50 * time.Millisecond })
			if tc.shut {
				f.gate.Shut()
			}
			resp, _ := get(t, f.url)
			if resp.StatusCode != tc.want || resp.Header.Get("X-OpenFaaS-Internal") != "of-watchdog" {
				t.Errorf("got %d %v, want %d", resp.StatusCode, resp.Header, tc.want)
			}
		})
	}
}

// flaky is a function that drops connections before it answers any, and then
// serves.
func flaky(t *testing.T, drop int, afterReading bool) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for n := 0; ; n++ {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			if afterReading || n >= drop {
				if req, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					_, _ = io.Copy(io.Discard, req.Body)
				}
			}
			if n >= drop {
				fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
			}
			_ = conn.Close()
		}
	}()
	return "http://" + ln.Addr().String()
}

func TestRequestWhoseProcessHasGoneIsHandedToTheNext(t *testing.T) {
	for claim, tc := range map[string]struct {
		method   string
		body     string
		restored bool
		want     int
	}{
		"a GET to a restored process is sent again":   {http.MethodGet, "", true, http.StatusOK},
		"a GET to a cold process is the function's":   {http.MethodGet, "", false, http.StatusInternalServerError},
		"a POST may have been worked on":              {http.MethodPost, "x", true, http.StatusInternalServerError},
		"a PUT whose body was read is not sent again": {http.MethodPut, "x", true, http.StatusInternalServerError},
	} {
		t.Run(claim, func(t *testing.T) {
			f := newFixture(t, flaky(t, 2, true), nil)
			f.gate.Open(gate.Lifetime{Restored: tc.restored}, 0)
			req, _ := http.NewRequest(tc.method, f.url, strings.NewReader(tc.body))
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != tc.want {
				t.Errorf("got %d, want %d", resp.StatusCode, tc.want)
			}
		})
	}
}

func TestRequestThatFindsNobodyListeningTriesAgain(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	_ = ln.Close()
	f := newFixture(t, "http://"+addr, nil)
	time.AfterFunc(100*time.Millisecond, func() {
		if ln, err := net.Listen("tcp", addr); err == nil {
			_ = http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
		}
	})
	resp, err := http.Post(f.url, "text/plain", strings.NewReader("kept"))
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK || string(body) != "kept" {
		t.Errorf("got %d %q, want the body back", resp.StatusCode, body)
	}
}

func TestRequestThatFindsNobodyUntilItsTimeoutIs504(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	f := newFixture(t, "http://"+ln.Addr().String(), func(s *proxy.Settings) { s.ExecTimeout = 50 * time.Millisecond })
	if resp, _ := get(t, f.url); resp.StatusCode != http.StatusGatewayTimeout {
		t.Errorf("got %d, want 504", resp.StatusCode)
	}
}

func TestObservedWhenTheAnswerHasEnded(t *testing.T) {
	release := make(chan struct{})
	f := newFixture(t, function(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "first half, ")
		w.(http.Flusher).Flush()
		<-release
		_, _ = io.WriteString(w, "second half")
	}), nil)
	resp, err := http.Get(f.url)
	if err != nil {
		t.Fatal(err)
	}
	if n := f.observed(); len(n) != 0 {
		t.Errorf("observed %v before the end of the answer", n)
	}
	close(release)
	body, _ := io.ReadAll(resp.Body)
	f.gate.Shut()
	<-f.gate.Quiet()
	if n := f.observed(); string(body) != "first half, second half" || len(n) != 1 || n[0] != 5 {
		t.Errorf("body %q, observed %v", body, n)
	}
}

func TestReservedPathsAreClosedToOutsiders(t *testing.T) {
	f := newFixture(t, function(t, func(http.ResponseWriter, *http.Request) { t.Error("the function was called") }),
		func(s *proxy.Settings) { s.Reserved = []string{"/_/snapshot/after-restore"} })
	for _, path := range []string{"/_/snapshot/after-restore", "/_/snapshot//after-restore", "/_/snapshot/./after-restore", "/_/snapshot/after-restore/"} {
		if resp, _ := get(t, f.url+path); resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: got %d, want 403", path, resp.StatusCode)
		}
	}
}

func TestUpgradedConnectionWorksBothWays(t *testing.T) {
	f := newFixture(t, function(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		line, _ := rw.ReadString('\n')
		fmt.Fprint(conn, "echo "+line)
	}), nil)
	conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	answers := bufio.NewReader(conn)
	resp, err := http.ReadResponse(answers, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("got %v, %v", resp, err)
	}
	fmt.Fprint(conn, "hello\n")
	if line, _ := answers.ReadString('\n'); line != "echo hello\n" {
		t.Errorf("got %q", line)
	}
}
