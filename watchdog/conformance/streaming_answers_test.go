package conformance_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

func wantLine(t *testing.T, from *bufio.Reader, want string) {
	t.Helper()
	if line, err := from.ReadString('\n'); line != want+"\n" {
		t.Errorf("got %q, %v; want %q", line, err, want)
	}
}

// The function sends the second piece only when the first has arrived.
func TestPiecesAreSentAsTheyCome(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	w.awaitFunction()
	for claim, tc := range map[string]struct{ accept, deviation string }{
		"events":                   {accept: "text/event-stream"},
		"events among other types": {accept: "text/html, text/event-stream;q=0.9"},
		"lines of objects":         {accept: "application/x-ndjson"},
		"anything in chunks":       {accept: "text/plain", deviation: "slow small chunks arrive together at the end"},
	} {
		t.Run(claim, func(t *testing.T) {
			deviates(t, tc.deviation)
			body, _ := w.stream(request{path: "/pieces", header: map[string]string{"Accept": tc.accept}})
			wantLine(t, body, "one")
		})
	}
}

func TestAnswerMayBeginBeforeTheRequestEnds(t *testing.T) {
	t.Parallel()
	deviates(t, "does not pass on both directions at once")
	w := start(t, nil)
	w.awaitFunction()
	conn := w.dial()
	fmt.Fprint(conn, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nfirst\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body := bufio.NewReader(resp.Body)
	wantLine(t, body, "first")
	fmt.Fprint(conn, "7\r\nsecond\n\r\n0\r\n\r\n")
	wantLine(t, body, "second")
	if rest, err := io.ReadAll(body); len(rest) > 0 || err != nil {
		t.Errorf("the end is %q, %v", rest, err)
	}
}

// The client waits for the answer with the rest of its body.
func TestFunctionMayAnswerWithoutReadingTheBody(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	check(t, w.raw("POST /status?code=413 HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\nx"), answer{Status: 413})
}

// openSocket is a connection that was switched to another protocol.
type openSocket struct {
	net.Conn
	lines *bufio.Reader
}

func (w *running) socket(t *testing.T, upgrade string) openSocket {
	t.Helper()
	s := openSocket{Conn: w.dial()}
	s.lines = bufio.NewReader(s)
	fmt.Fprintf(s, "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", upgrade)
	resp, err := http.ReadResponse(s.lines, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("got %v, %v; want 101", resp, err)
	}
	return s
}

func (s openSocket) echo(t *testing.T, line string) {
	t.Helper()
	fmt.Fprintln(s, line)
	wantLine(t, s.lines, "echo "+line)
}

func TestWebSocket(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	w.awaitFunction()
	for claim, tc := range map[string]struct{ upgrade, deviation string }{
		"by its name":            {upgrade: "websocket"},
		"whatever its case":      {upgrade: "WebSocket", deviation: "only the exact word websocket works"},
		"a switch goes both way": {upgrade: "websocket"},
	} {
		t.Run(claim, func(t *testing.T) {
			deviates(t, tc.deviation)
			s := w.socket(t, tc.upgrade)
			s.echo(t, "hello")
			s.echo(t, "again")
		})
	}
	t.Run("a function may refuse", func(t *testing.T) {
		check(t, w.raw("GET /status?code=403 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"), answer{Status: 403})
	})
}

func TestLargeBodies(t *testing.T) {
	t.Parallel()
	const size = 100 << 20
	w := start(t, nil)
	w.awaitFunction()
	t.Run("to the function", func(t *testing.T) {
		check(t, w.send(request{method: "POST", path: "/count", reader: io.LimitReader(zeros{}, size)}), answer{Status: 200, Body: fmt.Sprint(size, " <nil>")})
	})
	for claim, r := range map[string]request{
		"from the function": {path: fmt.Sprint("/large?bytes=", size)},
		"both at once":      {method: "POST", path: "/echo", reader: io.LimitReader(zeros{}, size)},
	} {
		t.Run(claim, func(t *testing.T) {
			if strings.HasPrefix(claim, "both") {
				deviates(t, "does not pass on both directions at once")
			}
			body, _ := w.stream(r)
			if n, err := io.Copy(io.Discard, body); n != size || err != nil {
				t.Errorf("%d bytes, %v; want %d", n, err, size)
			}
		})
	}
}

func TestTrailersOfAnAnswer(t *testing.T) {
	t.Parallel()
	deviates(t, "drops trailers")
	w := start(t, nil)
	resp, err := w.client.Get(mainURL + "/trailers")
	if err != nil {
		t.Fatal(err)
	}
	if got := read(resp); got.Body != "body" || resp.Trailer.Get("X-Checksum") != "42" {
		t.Errorf("body %q, trailers %v", got.Body, resp.Trailer)
	}
}
