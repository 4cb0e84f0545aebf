package proxy_test

import (
	"bufio"
	"bytes"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/internal/syncbuffer"
	"github.com/pronghorn-faas/pronghorn/watchdog/access"
	"github.com/pronghorn-faas/pronghorn/watchdog/gate"
	"github.com/pronghorn-faas/pronghorn/watchdog/metrics"
	"github.com/pronghorn-faas/pronghorn/watchdog/proxy"
)

// fuzzTime bounds one input: whatever a client sends, it is answered or its
// connection is closed.
const fuzzTime = 5 * time.Second

// FuzzRequest sends arbitrary bytes to a server with the proxy, as a client.
// What the function gets are requests that the client sent, each whole, in
// order and no others: nothing is smuggled in and no line is broken. It gets
// the end-to-end headers unchanged, and no hop-by-hop ones.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		"GET /a%2Fb//c?x=1&y;z HTTP/1.1\r\nHost: h\r\nX-Many: 1\r\nX-Many: 2\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhelloGET /next HTTP/1.1\r\nHost: h\r\n\r\n",
		"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxxGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\nConnection: X-Secret, Content-Length, X-Forwarded-For\r\nX-Secret: s\r\nX-Forwarded-For: 1.2.3.4\r\nKeep-Alive: 5\r\nTE: trailers, gzip\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nraw",
		"GET / HTTP/1.1\r\nHost: h\r\nX-Folded: a\r\n b\r\nX-Bare: a\rb\r\n\r\n",
		"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Late: 7\r\n\r\n",
		"POST * HTTP/1.1\nHost:\nContent-Length:1\n\r\n2\r\n\rM * HTTP/1.0\n0000:\n\n",
		"GET /a\x00b HTTP/1.1\nHost: h\n\nGET http://other/x HTTP/1.0\r\n\r\n",
		"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
		"HEAD / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nUser-Agent:\r\n\r\nDELETE / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nshort",
		"POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAccept: text/event-stream\r\nX-Timeout: 1s\r\nContent-Length: 1\r\n\r\nxGET / HTTP/1.1\r\nHost: h\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		deadline := time.Now().Add(fuzzTime)
		fn := startRecorder(t)
		watchdog := startFuzzed(t, fn.addr)
		wanted := requestsIn(sent)
		if err := watchdog.exchange(sent, wanted, deadline); err != nil {
			t.Errorf("neither an answer nor the end of the connection: %v", err)
		}
		watchdog.close()
		fn.close()
		if strings.Contains(watchdog.errors.String(), "panic") {
			t.Errorf("the watchdog panicked: %s", watchdog.errors.String())
		}
		for _, err := range fn.malformed {
			t.Errorf("the function got a request that is none: %v", err)
		}
		compare(t, wanted, fn.got)
	})
}

// request is one as a reader of HTTP finds it.
type request struct {
	method, target, host string
	header, trailer      http.Header
	body                 string
}

// requestsIn are the whole requests in what a client sends, as net/http reads
// them, but for trailers that were not announced: those are not passed on.
func requestsIn(sent []byte) []request {
	var all []request
	for in := bufio.NewReader(bytes.NewReader(sent)); ; {
		r, err := http.ReadRequest(in)
		if err != nil {
			return all
		}
		announced := maps.Clone(r.Trailer)
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return all
		}
		maps.DeleteFunc(r.Trailer, func(name string, _ []string) bool { _, ok := announced[name]; return !ok })
		target := r.URL.RequestURI()
		if r.Method == http.MethodConnect && r.URL.Path == "" {
			target = r.Host
		}
		all = append(all, request{r.Method, target, r.Host, r.Header, r.Trailer, string(body)})
		if r.Method == http.MethodPost {
			skipLineBreaks(in)
		}
	}
}

// skipLineBreaks skips what old clients send after a POST, as net/http's server
// does.
func skipLineBreaks(in *bufio.Reader) {
	next, _ := in.Peek(4)
	_, _ = in.Discard(len(next) - len(bytes.TrimLeft(next, "\r\n")))
}

// compare looks for everything that the function got in what was sent. The
// server answers some requests itself.
func compare(t *testing.T, sent, got []request) {
	t.Helper()
	for _, g := range got {
		at := slices.IndexFunc(sent, func(s request) bool {
			return s.method == g.method && s.target == g.target && s.body == g.body && (s.host == g.host || s.host == "")
		})
		if at < 0 {
			t.Errorf("the function got %s %s with the body %q, which nobody sent next", g.method, g.target, g.body)
			return
		}
		if diff := cmp.Diff(forwarded(sent[at]), g.header); diff != "" {
			t.Errorf("headers of %s %s (-want +got):\n%s", g.method, g.target, diff)
		}
		if diff := cmp.Diff(filled(sent[at].trailer), filled(g.trailer)); diff != "" {
			t.Errorf("trailers of %s %s (-want +got):\n%s", g.method, g.target, diff)
		}
		sent = sent[at+1:]
	}
}

// forwarded are the headers of a request that the function should get, apart
// from those that frame it.
func forwarded(r request) http.Header {
	h := r.header.Clone()
	connection, te, upgrade := strings.Join(h["Connection"], ","), strings.Join(h["Te"], ","), h.Get("Upgrade")
	for name := range strings.SplitSeq(connection, ",") {
		if name = http.CanonicalHeaderKey(strings.Trim(name, " \t")); !strings.Contains(name, "Forwarded") {
			delete(h, name)
		}
	}
	for _, name := range []string{
		"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer",
		"Transfer-Encoding", "Upgrade", "Content-Length", "Host",
	} {
		delete(h, name)
	}
	if listed(te, "trailers") {
		h.Set("Te", "trailers")
	}
	if listed(connection, "upgrade") && upgrade != "" {
		h.Set("Connection", "Upgrade")
		h.Set("Upgrade", upgrade)
	}
	if values := h["Expect"]; len(values) > 0 && strings.EqualFold(values[0], "100-continue") {
		delete(h, "Expect") // settled here
	}
	if values := h["User-Agent"]; len(values) > 0 && values[0] == "" {
		delete(h, "User-Agent")
	}
	return h
}

func listed(list, token string) bool {
	for t := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.Trim(t, " \t"), token) {
			return true
		}
	}
	return false
}

// filled are the trailers that came; others were only announced.
func filled(trailer http.Header) http.Header {
	came := http.Header{}
	for name, values := range trailer {
		if len(values) > 0 {
			came[name] = values
		}
	}
	return came
}

// fuzzed is a server with the proxy.
type fuzzed struct {
	server *httptest.Server
	proxy  *proxy.Proxy
	errors *syncbuffer.Buffer
}

func startFuzzed(t *testing.T, function string) *fuzzed {
	t.Helper()
	g, m := &gate.Gate{}, metrics.New()
	g.Open(gate.Lifetime{}, 0)
	w := &fuzzed{errors: &syncbuffer.Buffer{}}
	w.proxy = proxy.New(proxy.Settings{
		Upstream: &url.URL{Scheme: "http", Host: function}, ExecTimeout: fuzzTime, Headers: true,
		Log: access.Log{Lines: log.New(io.Discard, "", 0)},
	}, g, func(gate.Pass, time.Duration, int) {}, m)
	w.server = httptest.NewUnstartedServer(m.Instrument(w.proxy))
	w.server.Config.ErrorLog = log.New(w.errors, "", 0)
	w.server.Start()
	return w
}

func (w *fuzzed) close() {
	w.server.Close()
	w.proxy.CloseIdle()
}

// exchange sends the bytes, reads an answer to each request in them, and then
// to the end, having said that nothing more will come. A client that says so
// earlier has gone away, for the server.
func (w *fuzzed) exchange(sent []byte, requests []request, deadline time.Time) error {
	conn, err := net.Dial("tcp", w.server.Listener.Addr().String())
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	go func() { _, _ = conn.Write(sent) }() // the answers may come before its end
	in := bufio.NewReader(conn)
	for _, r := range requests {
		resp, err := http.ReadResponse(in, &http.Request{Method: r.method})
		if err != nil {
			break // closed, or for an older client
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			break
		}
	}
	_ = conn.(*net.TCPConn).CloseWrite()
	_, err = io.Copy(io.Discard, in)
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
		return err
	}
	return nil
}
