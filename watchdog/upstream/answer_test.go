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
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/watchdog/upstream"
)

func TestAnswers(t *testing.T) {
	for claim, tc := range map[string]struct {
		method, answer string
		status         int
		body           string
		connections    int32 // after two requests
	}{
		"a body of known length leaves the connection open": {answer: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", status: 200, body: "hello", connections: 1},
		"so does a chunked one":                             {answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", status: 200, body: "hello", connections: 1},
		"so does an empty one":                              {answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", status: 200, connections: 1},
		"so does 204, which has none":                       {answer: "HTTP/1.1 204 No Content\r\n\r\n", status: 204, connections: 1},
		"so does 304, which has none but may have a length": {answer: "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", status: 304, connections: 1},
		"so does the answer to HEAD":                        {method: http.MethodHead, answer: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", status: 200, connections: 1},
		"100 and 103 are not the answer":                    {answer: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", status: 200, body: "ok", connections: 1},
		"HTTP/1.0 with keep-alive leaves it open":           {answer: "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", status: 200, body: "ok", connections: 1},
		"HTTP/1.0 closes it":                                {answer: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", status: 200, body: "ok", connections: 2},
		"Connection: close closes it":                       {answer: "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", status: 200, body: "ok", connections: 2},
		"bytes after the answer close it":                   {answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n", status: 200, body: "ok", connections: 2},
	} {
		t.Run(claim, func(t *testing.T) {
			s := serve(t, answering(tc.answer))
			noLeaks(t)
			tr := transport(t, s.addr)
			for range 2 {
				resp, body := exchange(t, tr, request(t, tc.method, nil))
				if resp.StatusCode != tc.status || body != tc.body {
					t.Errorf("got %d %q, want %d %q", resp.StatusCode, body, tc.status, tc.body)
				}
			}
			if got := s.accepted.Load(); got != tc.connections {
				t.Errorf("%d connections, want %d", got, tc.connections)
			}
		})
	}
}

func TestBodyUntilTheConnectionEnds(t *testing.T) {
	s := serve(t, answeringOnce("HTTP/1.1 200 OK\r\n\r\nto the end"))
	noLeaks(t)
	tr := transport(t, s.addr)
	for range 2 {
		if _, body := exchange(t, tr, request(t, http.MethodGet, nil)); body != "to the end" {
			t.Errorf("got %q", body)
		}
	}
}

func TestTrailerOfTheAnswer(t *testing.T) {
	s := serve(t, answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 42\r\n\r\n"))
	resp, _ := exchange(t, transport(t, s.addr), request(t, http.MethodGet, nil))
	if diff := cmp.Diff(http.Header{"X-Sum": {"42"}}, resp.Trailer); diff != "" {
		t.Errorf("trailer (-want +got):\n%s", diff)
	}
}

func TestPreliminaryAnswersGoToWhoAsks(t *testing.T) {
	s := serve(t, answering("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"))
	var links []string
	resp, err := transport(t, s.addr).Do(t.Context(), request(t, http.MethodGet, nil), upstream.Options{Early: func(_ int, h http.Header) error {
		links = append(links, h.Get("Link"))
		return nil
	}})
	if err != nil || resp.StatusCode != http.StatusNoContent {
		t.Errorf("got %v, %v; want 204", resp, err)
	}
	if diff := cmp.Diff([]string{"</x>"}, links); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
}

func TestMalformedAnswers(t *testing.T) {
	for claim, tc := range map[string]struct {
		answer string
		want   error // nil = any
	}{
		"nothing":                     {answer: ""},
		"no HTTP":                     {answer: "220 smtp.example ESMTP\r\n"},
		"another major version":       {answer: "HTTP/2.0 200 OK\r\n\r\n"},
		"a status below 100":          {answer: "HTTP/1.1 099 Low\r\n\r\n"},
		"half a head":                 {answer: "HTTP/1.1 200 OK\r\nContent-"},
		"two lengths that differ":     {answer: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"},
		"a body that is cut off":      {answer: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", want: io.ErrUnexpectedEOF},
		"a chunk without a size":      {answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"},
		"a line beyond the limit":     {answer: "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 65<<10), want: upstream.ErrHeaderTooLarge},
		"many headers":                {answer: "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 20<<10), want: upstream.ErrHeaderTooLarge},
		"1xx answers without an end":  {answer: strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 10<<10), want: upstream.ErrHeaderTooLarge},
		"a switch before the request": {answer: "HTTP/1.1 101 Switching Protocols\r\n", want: io.ErrUnexpectedEOF},
	} {
		t.Run(claim, func(t *testing.T) {
			s := serve(t, answeringOnce(tc.answer))
			noLeaks(t)
			resp, err := transport(t, s.addr).RoundTrip(request(t, http.MethodGet, nil))
			if err == nil {
				_, err = io.ReadAll(resp.Body)
			}
			if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func TestBodyThatIsNotReadToItsEndCostsTheConnection(t *testing.T) {
	s := serve(t, answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"))
	noLeaks(t)
	tr := transport(t, s.addr)
	resp, err := tr.RoundTrip(request(t, http.MethodGet, nil))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if _, err := resp.Body.Read(make([]byte, 1)); !errors.Is(err, http.ErrBodyReadAfterClose) {
		t.Errorf("read after close: %v", err)
	}
	exchange(t, tr, request(t, http.MethodGet, nil))
	if got := s.accepted.Load(); got != 2 {
		t.Errorf("%d connections, want 2", got)
	}
}

func TestSwitchedProtocolIsATunnel(t *testing.T) {
	s := serve(t, func(conn net.Conn, in *bufio.Reader, _ int) {
		_ = skipRequest(in)
		fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nwelcome ")
		// Hidden from io.Copy, which would splice and keep the pipe for later.
		_, _ = io.Copy(struct{ io.Writer }{conn}, struct{ io.Reader }{in})
	})
	noLeaks(t)
	req := request(t, http.MethodGet, nil)
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "echo")
	resp, err := transport(t, s.addr).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	tunnel, ok := resp.Body.(interface {
		io.ReadWriteCloser
		CloseWrite() error
	})
	if !ok {
		t.Fatalf("body is a %T", resp.Body)
	}
	_, _ = io.WriteString(tunnel, "hello")
	if err := tunnel.CloseWrite(); err != nil {
		t.Error(err)
	}
	if got, err := io.ReadAll(tunnel); string(got) != "welcome hello" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	_ = tunnel.Close()
}

func TestTunnelEndsWithTheContext(t *testing.T) {
	s := serve(t, func(conn net.Conn, in *bufio.Reader, _ int) {
		_ = skipRequest(in)
		fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		_, _ = io.Copy(io.Discard, in)
	})
	noLeaks(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	resp, err := transport(t, s.addr).RoundTrip(requestWith(ctx, t, http.MethodGet, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	cancel(errStop)
	if _, err := resp.Body.Read(make([]byte, 1)); !errors.Is(err, errStop) {
		t.Errorf("got %v, want the context's cause", err)
	}
}
