package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/pronghorn-faas/pronghorn/watchdog/proxy"
)

// wire is a connection to a proxy.
type wire struct {
	net.Conn
	in *bufio.Reader
}

func dialWire(t *testing.T, address string) wire {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return wire{conn, bufio.NewReader(conn)}
}

func (w wire) answer(t *testing.T) (*http.Response, string) {
	t.Helper()
	resp, err := http.ReadResponse(w.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// The function answers before it has read the body, which the client sends
// after that.
func TestConnectionGoesOnAfterAnEarlyAnswer(t *testing.T) {
	f := newFixture(t, function(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.Header().Set("Content-Length", "2")
		_, _ = io.WriteString(w, "no")
	}), nil)
	w := dialWire(t, f.url)
	for range 5 {
		fmt.Fprint(w, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n")
		if resp, body := w.answer(t); resp.StatusCode != http.StatusOK || body != "no" || resp.Close {
			t.Fatalf("got %d %q, close %t", resp.StatusCode, body, resp.Close)
		}
		fmt.Fprint(w, strings.Repeat("x", 100000))
	}
}

func TestConnectionGoesOnAfterAFailure(t *testing.T) {
	f := newFixture(t, flaky(t, 1<<30, true), nil)
	w := dialWire(t, f.url)
	for range 5 {
		fmt.Fprintf(w, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n%s", strings.Repeat("x", 1000))
		if resp, body := w.answer(t); resp.StatusCode != http.StatusInternalServerError || body != "" {
			t.Fatalf("got %d %q, want 500", resp.StatusCode, body)
		}
	}
}

func TestConnectionEndsWithABodyThatIsNone(t *testing.T) {
	for claim, buffered := range map[string]bool{"as it comes": false, "buffered": true} {
		t.Run(claim, func(t *testing.T) {
			f := newFixture(t, function(t, func(_ http.ResponseWriter, r *http.Request) {
				if _, err := io.Copy(io.Discard, r.Body); err == nil {
					t.Errorf("the function got %s %s", r.Method, r.URL)
				}
			}), func(s *proxy.Settings) { s.BufferBody = buffered })
			w := dialWire(t, f.url)
			fmt.Fprint(w, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n")
			if resp, _ := w.answer(t); resp.StatusCode != http.StatusBadRequest {
				t.Errorf("got %d, want 400", resp.StatusCode)
			}
			if rest, _ := io.ReadAll(w.in); len(rest) > 0 {
				t.Errorf("and then %q", rest)
			}
		})
	}
}
