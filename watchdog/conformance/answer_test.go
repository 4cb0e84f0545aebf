package conformance_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// answer is what a client sees.
type answer struct {
	// Status is 0 when the connection was closed without an answer.
	Status int
	// Header holds regular expressions of whole values in what is wanted, and
	// the first values in what is seen. An absent header is empty.
	Header map[string]string
	Body   string
	// Cut is set when the body ended before its time.
	Cut bool
}

// request is one that is sent to the watchdog; the zero request is GET /.
type request struct {
	method, path, body string
	header             map[string]string
	// reader is the body, of unknown length, in place of body.
	reader io.Reader
}

// internal are the headers of an answer that the watchdog gave itself.
var internal = map[string]string{"X-OpenFaaS-Internal": "of-watchdog", "X-Duration-Seconds": `\d+\.\d{6}`}

func (r request) build(ctx context.Context, t *testing.T) *http.Request {
	t.Helper()
	body := r.reader
	if body == nil {
		body = strings.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, mainURL+r.path, body)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	return req
}

// send sends a request and reads the answer.
func (w *running) send(r request) answer {
	w.t.Helper()
	return w.do(r.build(w.t.Context(), w.t))
}

func (w *running) get(path string) answer {
	w.t.Helper()
	return w.send(request{path: path})
}

func (w *running) do(req *http.Request) answer {
	resp, err := w.client.Do(req)
	if err != nil {
		return answer{}
	}
	return read(resp)
}

func read(resp *http.Response) answer {
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	a := answer{Status: resp.StatusCode, Header: map[string]string{}, Body: string(body), Cut: err != nil}
	for name := range resp.Header {
		a.Header[name] = resp.Header.Get(name)
	}
	return a
}

// raw sends bytes on a connection of their own and reads one answer.
func (w *running) raw(sent string) answer {
	w.t.Helper()
	conn := w.dial()
	if _, err := io.WriteString(conn, sent); err != nil {
		w.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return answer{}
	}
	return read(resp)
}

// stream opens a request and leaves the body to the test. It ends with cancel
// or with the test.
func (w *running) stream(r request) (body *bufio.Reader, cancel context.CancelFunc) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	w.t.Cleanup(cancel)
	resp, err := w.client.Do(r.build(ctx, w.t))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = resp.Body.Close() })
	return bufio.NewReader(resp.Body), cancel
}

// direct asks the function itself, past the watchdog.
func (w *running) direct(path string) {
	w.t.Helper()
	resp, err := w.client.Get(functionURL + path)
	if err != nil {
		w.t.Fatal(err)
	}
	_ = resp.Body.Close()
}

// check compares an answer with the wanted one.
func check(t *testing.T, got, want answer) {
	t.Helper()
	if got.Status != want.Status || got.Body != want.Body || got.Cut != want.Cut {
		t.Errorf("got status %d, body %.200q, cut %t; want %d, %.200q, %t", got.Status, got.Body, got.Cut, want.Status, want.Body, want.Cut)
	}
	for name, pattern := range want.Header {
		if value := got.Header[http.CanonicalHeaderKey(name)]; !regexp.MustCompile("^(?:" + pattern + ")$").MatchString(value) {
			t.Errorf("header %s is %q, want a match of %q", name, value, pattern)
		}
	}
}
