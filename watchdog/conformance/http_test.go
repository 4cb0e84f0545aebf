package conformance_test

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRequestReachesTheFunctionAsItWasSent(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	field := func(name string) func(arrived) any {
		return func(a arrived) any { return a.Header[name] }
	}
	for claim, tc := range map[string]struct {
		sent      string // after "GET ", up to the empty line
		look      func(arrived) any
		want      any
		deviation string
		upstream  *any
	}{
		"the URI is not touched":               {sent: "/a%2Fb//c/%7Ed?x=1&y;z=%zz", look: func(a arrived) any { return a.URI }, want: "/a%2Fb//c/%7Ed?x=1&y;z=%zz"},
		"nor an empty query":                   {sent: "/a?", look: func(a arrived) any { return a.URI }, want: "/a?"},
		"Host stays":                           {sent: "/", look: func(a arrived) any { return a.Host }, want: "fn.example:81"},
		"headers stay, all of their values":    {sent: "/\nX-Many: 1\nX-Many: 2", look: field("X-Many"), want: []string{"1", "2"}},
		"the call id is the caller's":          {sent: "/\nX-Call-Id: abc", look: field("X-Call-Id"), want: []string{"abc"}},
		"none is made up":                      {sent: "/", look: field("X-Call-Id"), want: []string(nil)},
		"nothing is said of the client":        {sent: "/", look: field("X-Forwarded-For"), want: []string(nil)},
		"what proxies before said stays":       {sent: "/\nX-Forwarded-For: 1.2.3.4", look: field("X-Forwarded-For"), want: []string{"1.2.3.4"}},
		"Accept-Encoding stays":                {sent: "/\nAccept-Encoding: br", look: field("Accept-Encoding"), want: []string{"br"}},
		"no Accept-Encoding is added":          {sent: "/", look: field("Accept-Encoding"), want: []string(nil), deviation: "adds Accept-Encoding: gzip and unpacks the answer", upstream: ptr([]string{"gzip"})},
		"hop-by-hop headers end here":          {sent: "/\nConnection: X-Hop\nX-Hop: 1", look: field("X-Hop"), want: []string(nil), deviation: "forwards them", upstream: ptr([]string{"1"})},
		"TE too, unless it is about trailers":  {sent: "/\nTE: gzip", look: field("Te"), want: []string(nil), deviation: "forwards it", upstream: ptr([]string{"gzip"})},
		"a stream has no X-Forwarded-For":      {sent: "/\nAccept: text/event-stream", look: field("X-Forwarded-For"), want: []string(nil), deviation: "adds X-Forwarded-For on the streaming path", upstream: ptr([]string{"127.0.0.1"})},
		"a request without a body has none":    {sent: "/", look: func(a arrived) any { return a.Length }, want: int64(0)},
		"the body's length is known":           {sent: "/\nContent-Length: 2\n\nhi", look: func(a arrived) any { return a.Length }, want: int64(2), deviation: "sends bodies in chunks", upstream: ptr(int64(-1))},
		"a body in chunks stays one":           {sent: "/\nTransfer-Encoding: chunked\n\n2\nhi\n0\n", look: func(a arrived) any { return a.Encoding }, want: []string{"chunked"}},
		"the body is the body":                 {sent: "/\nTransfer-Encoding: chunked\n\n2\nhi\n1\n!\n0\n", look: func(a arrived) any { return a.Body }, want: "hi!"},
		"trailers of a request reach it":       {sent: "/\nTransfer-Encoding: chunked\nTrailer: X-Sum\n\n0\nX-Sum: 7\n", look: func(a arrived) any { return a.Trailer["X-Sum"] }, want: []string{"7"}, deviation: "drops the trailers of requests"},
		"a header of 64 kB is no problem":      {sent: "/\nX-Long: " + strings.Repeat("y", 64<<10), look: func(a arrived) any { return len(a.Header["X-Long"][0]) }, want: 64 << 10},
		"any method is the function's to know": {sent: "BREW /", look: func(a arrived) any { return a.Method }, want: "BREW"},
	} {
		t.Run(claim, func(t *testing.T) {
			want := expected(t, tc.want, tc.deviation, tc.upstream)
			if diff := cmp.Diff(want, tc.look(parseArrived(t, w.raw(wire(tc.sent))))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func ptr(v any) *any { return &v }

// wire makes a request of a method (GET if none), a URI, and what follows it.
func wire(sent string) string {
	first, rest, _ := strings.Cut(sent, "\n")
	if strings.HasPrefix(first, "/") {
		first = "GET " + first
	}
	return strings.ReplaceAll(first+" HTTP/1.1\nHost: fn.example:81\n"+rest+"\n\n", "\n", "\r\n")
}

func TestEveryMethodIsPassedOn(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		if got := w.arrived(t, request{method: method, path: "/x"}); got.Method != method {
			t.Errorf("%s arrives as %s", method, got.Method)
		}
	}
	check(t, w.send(request{method: "HEAD", path: "/x"}), answer{Status: 200})
}

func TestPathPrefixOfTheUpstreamIsKept(t *testing.T) {
	t.Parallel()
	w := start(t, env{"upstream_url": "http://127.0.0.1:9/no", "http_upstream_url": functionURL + "/base"})
	for claim, tc := range map[string]struct {
		header    map[string]string
		want      string
		deviation string
		upstream  *string
	}{
		"for requests": {want: "/base/a?x=1"},
		"for streams":  {header: map[string]string{"Accept": "application/x-ndjson"}, want: "/base/a?x=1", deviation: "drops the prefix on the streaming path", upstream: new("/a?x=1")},
	} {
		t.Run(claim, func(t *testing.T) {
			want := expected(t, tc.want, tc.deviation, tc.upstream)
			if got := w.arrived(t, request{path: "/a?x=1", header: tc.header}); got.URI != want {
				t.Errorf("got %s, want %s", got.URI, want)
			}
		})
	}
}

func TestBufferedBodyHasItsLength(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{"http_buffer_req_body", "buffer_http"} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			w := start(t, env{setting: "true"})
			want := expected(t, int64(3), "a buffered body is sent in chunks", new(int64(-1)))
			// The reader's type hides the length, so that it is sent in chunks.
			got := w.arrived(t, request{method: "POST", reader: io.MultiReader(strings.NewReader("abc"))})
			if got.Length != want || got.Body != "abc" {
				t.Errorf("length %d, body %q; want %d, abc", got.Length, got.Body, want)
			}
		})
	}
}

func TestAnswerReachesTheClient(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	took := map[string]string{"X-Duration-Seconds": `0\.\d{6}`}
	for claim, tc := range map[string]struct {
		request   request
		want      answer
		deviation string
		upstream  *answer
	}{
		"status and body":                      {request: request{path: "/echo", method: "POST", body: "hello"}, want: answer{Status: 200, Body: "hello", Header: took}},
		"an error is the function's own":       {request: request{path: "/status?code=503"}, want: answer{Status: 503, Header: map[string]string{"X-OpenFaaS-Internal": "", "X-Duration-Seconds": `0\.\d{6}`}}},
		"nothing is 204":                       {request: request{path: "/status?code=204"}, want: answer{Status: 204, Header: took}},
		"a redirect is the client's to follow": {request: request{path: "/redirect"}, want: answer{Status: 302, Body: "<a href=\"/elsewhere\">Found</a>.\n\n", Header: map[string]string{"Location": "/elsewhere"}}},
		"the duration is the watchdog's":       {request: request{path: "/headers"}, want: answer{Status: 418, Header: map[string]string{"X-Many": "1", "X-Duration-Seconds": `0\.\d{6}`}}},
		"a short answer has its length":        {request: request{path: "/echo", method: "POST", body: "hello"}, want: answer{Status: 200, Body: "hello", Header: map[string]string{"Content-Length": "5|"}}},
		"a call id is not sent back":           {request: request{path: "/echo", header: map[string]string{"X-Call-Id": "abc"}}, want: answer{Status: 200, Header: map[string]string{"X-Call-Id": ""}}},
		"nothing is compressed unasked":        {request: request{path: "/gzip"}, want: answer{Status: 200, Body: "plain", Header: map[string]string{"Content-Encoding": ""}}},
		"a stream says how long it took to begin": {
			request: request{path: "/status?code=200", header: map[string]string{"Accept": "text/event-stream"}}, want: answer{Status: 200, Header: took},
			deviation: "no X-Duration-Seconds on the streaming path", upstream: &answer{Status: 200, Header: map[string]string{"X-Duration-Seconds": ""}},
		},
	} {
		t.Run(claim, func(t *testing.T) {
			check(t, w.send(tc.request), expected(t, tc.want, tc.deviation, tc.upstream))
		})
	}
}

func TestAnswerKeepsAllValuesOfAHeader(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	resp, err := w.client.Get(mainURL + "/headers")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if got := resp.Header["X-Many"]; !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("got %q", got)
	}
}

// asStream are the headers of a request for a stream.
var asStream = map[string]string{"Accept": "text/event-stream"}

func TestFailuresOfTheFunction(t *testing.T) {
	t.Parallel()
	for claim, tc := range map[string]struct {
		before    func(*running)
		request   request
		want      answer
		deviation string
		upstream  *answer
	}{
		"a reset connection is 500": {request: request{path: "/reset"}, want: answer{Status: 500, Header: internal}},
		"a reset stream is 502": {
			request: request{path: "/reset", header: asStream}, want: answer{Status: 502, Header: internal},
			deviation: "an empty 200", upstream: &answer{Status: 200},
		},
		"a function that has stopped listening is waited for, then 500": {
			before: stopListening, want: answer{Status: 500, Header: internal},
		},
		"a stream from it is 502": {
			before: stopListening, request: request{header: asStream}, want: answer{Status: 502, Header: internal},
			deviation: "an empty 200", upstream: &answer{Status: 200},
		},
		"headers of more than 1 MB are 431": {
			request: request{header: map[string]string{"X-Long": strings.Repeat("y", 1<<20+8<<10)}}, want: answer{Status: 431, Body: "431 Request Header Fields Too Large"},
		},
		"a function that dies mid-answer cuts it": {
			before:  func(w *running) { w.direct("/release") },
			request: request{path: "/half?then=exit"}, want: answer{Status: 200, Body: strings.Repeat("x", 50000), Cut: true},
		},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			w := start(t, nil)
			w.awaitFunction()
			if tc.before != nil {
				tc.before(w)
			}
			check(t, w.send(tc.request), expected(t, tc.want, tc.deviation, tc.upstream))
		})
	}
}

func stopListening(w *running) { w.direct("/stop-listening") }
