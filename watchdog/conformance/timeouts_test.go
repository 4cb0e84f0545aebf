package conformance_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
)

func TestTimeouts(t *testing.T) {
	t.Parallel()
	hang := func(header map[string]string) func(*running) answer {
		return func(w *running) answer { return w.send(request{path: "/hang", header: header}) }
	}
	const slowBody = "POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nx"
	for claim, tc := range map[string]struct {
		env       env
		ask       func(*running) answer
		want      answer
		deviation string
		upstream  *answer
	}{
		"exec_timeout ends a request":            {env: env{"exec_timeout": "200ms"}, ask: hang(nil), want: answer{Status: 504, Header: internal}},
		"X-Timeout makes it shorter":             {env: env{"exec_timeout": "1h"}, ask: hang(map[string]string{"X-Timeout": "200ms"}), want: answer{Status: 504, Header: internal}},
		"X-Timeout does not make it longer":      {env: env{"exec_timeout": "200ms"}, ask: hang(map[string]string{"X-Timeout": "1h"}), want: answer{Status: 504, Header: internal}},
		"X-Timeout that is no duration is none":  {env: env{"exec_timeout": "200ms"}, ask: hang(map[string]string{"X-Timeout": "5"}), want: answer{Status: 504, Header: internal}},
		"nor does it end a request at once":      {ask: status200(map[string]string{"X-Timeout": "soon"}), want: answer{Status: 200}},
		"a negative X-Timeout lifts no limit":    {env: env{"exec_timeout": "200ms"}, ask: hang(map[string]string{"X-Timeout": "-1s"}), want: answer{Status: 504, Header: internal}, deviation: "a negative X-Timeout removes the timeout"},
		"exec_timeout=0 is no timeout":           {env: env{"exec_timeout": "0"}, ask: released, want: answer{Status: 200, Body: "done"}},
		"a body slower than read_timeout is 504": {env: env{"read_timeout": "200ms"}, ask: raw(slowBody), want: answer{Status: 504, Header: internal}},
		"a buffered one too":                     {env: env{"read_timeout": "200ms", "buffer_http": "true"}, ask: raw(slowBody), want: answer{Status: 504, Header: internal}},
		"headers slower than read_timeout end":   {env: env{"read_timeout": "200ms"}, ask: raw("GET / HTTP/1.1\r\nHost: x\r\n"), want: answer{}},
		"after write_timeout there is no answer": {env: env{"write_timeout": "200ms", "exec_timeout": "500ms"}, ask: hang(nil), want: answer{}},
		"exec_timeout in an answer cuts it": {
			env: env{"exec_timeout": "300ms"}, ask: get("/half"), want: answer{Status: 200, Body: strings.Repeat("x", 50000), Cut: true},
			deviation: "the answer just ends, and looks complete when it is short",
		},
		"also one without a known length": {
			env: env{"exec_timeout": "300ms"}, ask: get("/pieces"), want: answer{Status: 200, Body: "one\n", Cut: true},
			deviation: "the answer just ends, with a valid Content-Length", upstream: &answer{Status: 200, Body: "one\n"},
		},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			want := expected(t, tc.want, tc.deviation, tc.upstream)
			w := start(t, tc.env)
			w.awaitFunction()
			check(t, tc.ask(w), want)
		})
	}
}

func get(path string) func(*running) answer {
	return func(w *running) answer { return w.get(path) }
}

func status200(header map[string]string) func(*running) answer {
	return func(w *running) answer { return w.send(request{path: "/status?code=200", header: header}) }
}

func raw(sent string) func(*running) answer {
	return func(w *running) answer { return w.raw(sent) }
}

// released is the answer to a request that takes until it is let go.
func released(w *running) answer {
	got := w.later(request{path: "/held"})
	w.stdout.await(w.t, "held$")
	w.direct("/release")
	return <-got
}

// later sends a request in the background.
func (w *running) later(r request) <-chan answer {
	got := make(chan answer, 1)
	req := r.build(w.t.Context(), w.t)
	go func() { got <- w.do(req) }()
	return got
}

// A stream has no exec_timeout. That this one is longer than it shows another
// request, which begins later and is ended by it.
func TestStreamsHaveNoExecTimeout(t *testing.T) {
	t.Parallel()
	for claim, header := range map[string]map[string]string{
		"by the setting":            asStream,
		"nor by the client's wish":  {"Accept": "text/event-stream", "X-Timeout": "200ms"},
		"nor have lines of objects": {"Accept": "application/x-ndjson"},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			w := start(t, env{"exec_timeout": "300ms"})
			body, _ := w.stream(request{path: "/pieces", header: header})
			wantLine(t, body, "one")
			check(t, w.get("/hang"), answer{Status: 504})
			w.direct("/release")
			wantLine(t, body, "two")
		})
	}
}

func TestWriteTimeoutCutsStreamsButNoSockets(t *testing.T) {
	t.Parallel()
	w := start(t, env{"write_timeout": "300ms", "exec_timeout": "600ms"})
	w.awaitFunction()
	body, _ := w.stream(request{path: "/pieces", header: asStream})
	wantLine(t, body, "one")
	socket := w.socket(t, "websocket")
	check(t, w.get("/hang"), answer{}) // write_timeout is over
	w.direct("/release")
	if line, err := body.ReadString('\n'); err == nil {
		t.Errorf("the stream goes on: %q", line)
	}
	socket.echo(t, "still there")
}

func TestClientThatGoesAway(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.do(request{path: "/hang"}.build(ctx, t))
	}()
	w.stdout.await(t, "hangs$")
	cancel()
	<-ended
	w.stdout.await(t, "left$") // the function's request ends, too
	w.await("count of the request", func() bool { return w.metric(`http_requests_total{code="504",method="get"}`) == 1 })
	w.stderr.await(t, `GET /hang - 504 `+http.StatusText(504)+` - ContentLength: `)
	if !isUpstream() { // which blames exec_timeout
		w.stderr.await(t, "GET /hang - the client has gone away$")
	}
}
