package upstream_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// recorded returns what the server receives for a request, with the header
// lines sorted.
func recorded(t *testing.T, req *http.Request, until string) string {
	t.Helper()
	got := make(chan string, 1)
	s := serve(t, func(conn net.Conn, in *bufio.Reader, _ int) {
		var text strings.Builder
		for !strings.HasSuffix(text.String(), until) {
			b, err := in.ReadByte()
			if err != nil {
				break
			}
			text.WriteByte(b)
		}
		got <- text.String()
		fmt.Fprint(conn, "HTTP/1.1 204 No Content\r\n\r\n")
	})
	exchange(t, transport(t, s.addr), req)
	head, body, _ := strings.Cut(<-got, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	slices.Sort(lines[1:])
	return strings.Join(lines, "\n") + "\n\n" + body
}

func TestRequestsAsTheyAreWritten(t *testing.T) {
	for claim, tc := range map[string]struct {
		method string
		body   io.Reader
		change func(*http.Request)
		until  string
		want   string
	}{
		"a GET is the bare minimum": {
			want: "GET /path?q=1 HTTP/1.1\nHost: function.example\n\n"},
		"a POST without a body says so": {method: http.MethodPost,
			want: "POST /path?q=1 HTTP/1.1\nContent-Length: 0\nHost: function.example\n\n"},
		"a body of known length keeps it": {method: http.MethodPost, body: strings.NewReader("hello"), until: "hello",
			want: "POST /path?q=1 HTTP/1.1\nContent-Length: 5\nHost: function.example\n\nhello"},
		"a body of unknown length goes in chunks": {method: http.MethodPut, body: io.MultiReader(strings.NewReader("hello")), until: "0\r\n\r\n",
			want: "PUT /path?q=1 HTTP/1.1\nHost: function.example\nTransfer-Encoding: chunked\n\n5\r\nhello\r\n0\r\n\r\n"},
		"a trailer is announced and sent": {method: http.MethodPost, body: strings.NewReader("x"), until: "42\r\n\r\n",
			change: func(r *http.Request) { r.Trailer = http.Header{"X-Sum": {"42"}} },
			want:   "POST /path?q=1 HTTP/1.1\nHost: function.example\nTrailer: X-Sum\nTransfer-Encoding: chunked\n\n1\r\nx\r\n0\r\nX-Sum: 42\r\n\r\n"},
		"headers pass, several values too": {change: func(r *http.Request) { r.Header = http.Header{"X-Many": {"1", "2"}, "Te": {"trailers"}} },
			want: "GET /path?q=1 HTTP/1.1\nHost: function.example\nTe: trailers\nX-Many: 1\nX-Many: 2\n\n"},
		"headers that frame the message are ours": {change: func(r *http.Request) {
			r.Header = http.Header{"Host": {"other"}, "Content-Length": {"7"}, "Transfer-Encoding": {"chunked"}, "Trailer": {"X"}}
		}, want: "GET /path?q=1 HTTP/1.1\nHost: function.example\n\n"},
		"Expect: 100-continue is settled here": {change: func(r *http.Request) { r.Header.Set("Expect", "100-Continue") },
			want: "GET /path?q=1 HTTP/1.1\nHost: function.example\n\n"},
		"an empty User-Agent is none": {change: func(r *http.Request) { r.Header.Set("User-Agent", "") },
			want: "GET /path?q=1 HTTP/1.1\nHost: function.example\n\n"},
		"Close is told to the server": {change: func(r *http.Request) { r.Close = true },
			want: "GET /path?q=1 HTTP/1.1\nConnection: close\nHost: function.example\n\n"},
		"Host wins over the URL's": {change: func(r *http.Request) { r.Host = "named.example:80" },
			want: "GET /path?q=1 HTTP/1.1\nHost: named.example:80\n\n"},
		"the path keeps its escapes": {change: func(r *http.Request) { r.URL.Path, r.URL.RawPath = "/a/b//c", "/a%2Fb//c" },
			want: "GET /a%2Fb//c?q=1 HTTP/1.1\nHost: function.example\n\n"},
	} {
		t.Run(claim, func(t *testing.T) {
			noLeaks(t)
			req := request(t, tc.method, tc.body)
			if tc.change != nil {
				tc.change(req)
			}
			before := maps.Clone(req.Header)
			if diff := cmp.Diff(tc.want, recorded(t, req, cmpOr(tc.until, "\r\n\r\n"))); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, req.Header); diff != "" {
				t.Errorf("the request was modified (-want +got):\n%s", diff)
			}
		})
	}
}

func cmpOr(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// closeCounter is a body that counts how often it is closed.
type closeCounter struct {
	io.Reader
	closed chan struct{}
}

func (c *closeCounter) Close() error {
	c.closed <- struct{}{}
	return nil
}

func counted(r io.Reader) *closeCounter { return &closeCounter{r, make(chan struct{}, 10)} }

func TestRequestsThatCannotBeWrittenAreRefused(t *testing.T) {
	for claim, change := range map[string]func(*http.Request){
		"a line break in a value":   func(r *http.Request) { r.Header["X"] = []string{"a\r\nY: b"} },
		"a space in a name":         func(r *http.Request) { r.Header["X Y"] = []string{"a"} },
		"a method of two words":     func(r *http.Request) { r.Method = "GET /x" },
		"a line break in the host":  func(r *http.Request) { r.Host = "a\r\nb" },
		"a line break in the query": func(r *http.Request) { r.URL.RawQuery = "a\r\nb" },
		"a space in an opaque URL":  func(r *http.Request) { r.URL.Opaque = "a b" },
		"no URL":                    func(r *http.Request) { r.URL = nil },
		"a trailer's name":          func(r *http.Request) { r.Trailer = http.Header{"X\n": nil} },
	} {
		t.Run(claim, func(t *testing.T) {
			body := counted(strings.NewReader("x"))
			req := request(t, http.MethodPost, body)
			change(req)
			s := serve(t, answering("HTTP/1.1 204 No Content\r\n\r\n"))
			if _, err := transport(t, s.addr).RoundTrip(req); err == nil || s.accepted.Load() != 0 {
				t.Errorf("got %v with %d connections, want an error without any", err, s.accepted.Load())
			}
			<-body.closed
		})
	}
}

func TestBodyIsClosedWhateverHappens(t *testing.T) {
	for claim, script := range map[string]func(net.Conn, *bufio.Reader, int){
		"answered": answering("HTTP/1.1 204 No Content\r\n\r\n"),
		"answered early": func(conn net.Conn, _ *bufio.Reader, _ int) {
			fmt.Fprint(conn, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
		},
		"hung up on": func(net.Conn, *bufio.Reader, int) {},
	} {
		t.Run(claim, func(t *testing.T) {
			s := serve(t, script)
			noLeaks(t)
			body := counted(io.LimitReader(zeros{}, 4<<20))
			if resp, err := transport(t, s.addr).RoundTrip(request(t, http.MethodPost, body)); err == nil {
				_ = resp.Body.Close()
			}
			<-body.closed
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestBodyThatCannotBeRead(t *testing.T) {
	broken := errors.New("broken")
	for claim, tc := range map[string]struct {
		body   io.Reader
		length int64
		want   error
	}{
		"fails at once":     {iotest.ErrReader(broken), 10, broken},
		"fails in chunks":   {io.MultiReader(strings.NewReader("x"), iotest.ErrReader(broken)), -1, broken},
		"fails half-way":    {io.MultiReader(strings.NewReader("x"), iotest.ErrReader(broken)), 10, broken},
		"ends too early":    {strings.NewReader("x"), 10, io.ErrUnexpectedEOF},
		"is longer than it": {strings.NewReader("long"), 2, nil},
	} {
		t.Run(claim, func(t *testing.T) {
			cut := make(chan error, 1)
			s := serve(t, func(_ net.Conn, in *bufio.Reader, _ int) { cut <- skipRequest(in) })
			noLeaks(t)
			body := counted(tc.body)
			req := request(t, http.MethodPost, body)
			req.ContentLength = tc.length
			_, err := transport(t, s.addr).RoundTrip(req)
			if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			<-body.closed
			if <-cut == nil {
				t.Error("the server took the request for whole")
			}
		})
	}
}

func TestEveryRequestGoesToTheOneServer(t *testing.T) {
	s := serve(t, answering("HTTP/1.1 204 No Content\r\n\r\n"))
	req := request(t, http.MethodGet, nil)
	req.URL = &url.URL{Scheme: "https", Host: "elsewhere.invalid", Path: "/"}
	if resp, _ := exchange(t, transport(t, s.addr), req); resp.StatusCode != http.StatusNoContent {
		t.Errorf("got %d", resp.StatusCode)
	}
}
