package httpx

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func get(h http.Handler, method, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w
}

func TestJSONErrors(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /a/{name}", func(w http.ResponseWriter, r *http.Request) { WriteJSON(w, r.PathValue("name")) })
	mux.HandleFunc("DELETE /a/{name}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	h := JSONErrors(mux)
	for name, c := range map[string]struct {
		method, target string
		status         int
		body, allow    string
	}{
		"a route":                {"GET", "/a/x", 200, `"x"`, ""},
		"no route":               {"GET", "/b", 404, `{"error":"no such path: \"/b\""}`, ""},
		"a route of other verbs": {"POST", "/a/x", 405, `{"error":"POST \"/a/x\": want DELETE, GET, HEAD"}`, "DELETE, GET, HEAD"},
		"a path to be cleaned":   {"DELETE", "/a//../a/x", 307, "", ""},
		"a path cleaned to none": {"GET", "//b", 307, "<a href=\"/b\">Temporary Redirect</a>.", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := get(h, c.method, c.target)
			if w.Code != c.status || strings.TrimSpace(w.Body.String()) != c.body || w.Header().Get("Allow") != c.allow {
				t.Errorf("got %d %q, Allow %q; want %d %q, Allow %q", w.Code, w.Body, w.Header().Get("Allow"), c.status, c.body, c.allow)
			}
		})
	}
}

func TestHandlerAnswersItsErrors(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
		header string
	}{
		"with a status":    {Errorf(http.StatusTeapot, "value %d", 7), http.StatusTeapot, ""},
		"without a status": {errors.New("value 7"), http.StatusInternalServerError, ""},
		"without a token":  {Errorf(http.StatusUnauthorized, "value 7"), http.StatusUnauthorized, "Bearer"},
	} {
		t.Run(name, func(t *testing.T) {
			w := get(Handler(func(http.ResponseWriter, *http.Request) error { return c.err }), "GET", "/")
			if w.Code != c.status || w.Body.String() != "{\"error\":\"value 7\"}\n" || w.Header().Get("WWW-Authenticate") != c.header {
				t.Errorf("got %d %q %v", w.Code, w.Body, w.Header())
			}
		})
	}
}

func TestReadJSON(t *testing.T) {
	type body struct{ A int }
	for name, c := range map[string]struct {
		sent   string
		status int
	}{
		"an object":         {` {"A": 1} `, 0},
		"nothing":           {"", 400},
		"half an object":    {`{"A":`, 400},
		"an unknown field":  {`{"B":1}`, 400},
		"two values":        {`{"A":1}{}`, 400},
		"bytes after it":    {`{"A":1}x`, 400},
		"more than allowed": {`{"A":1` + strings.Repeat(" ", maxBody) + `}`, 413},
	} {
		t.Run(name, func(t *testing.T) {
			var v body
			err := ReadJSON(httptest.NewRecorder(), httptest.NewRequest("POST", "/", strings.NewReader(c.sent)), &v)
			if StatusOf(err) != c.status || (err == nil) != (c.status == 0) {
				t.Errorf("got %v, want status %d", err, c.status)
			}
		})
	}
}

// server answers each request with the next status, then with 200.
func server(t *testing.T, statuses ...int) (url string, calls *atomic.Int64) {
	t.Helper()
	calls = new(atomic.Int64)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		if n := int(calls.Add(1)); n <= len(statuses) {
			WriteError(w, Errorf(statuses[n-1], "answer %d", n))
			return
		}
		WriteJSON(w, map[string]string{"sent": string(raw), "token": r.Header.Get("Authorization"), "type": r.Header.Get("Content-Type")})
	}))
	t.Cleanup(srv.Close)
	return srv.URL, calls
}

func TestClientCalls(t *testing.T) {
	url, calls := server(t, 503, 500)
	c, err := NewClient(url+"/", Options{Token: "secret", MinWait: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseIdle()
	var got map[string]string
	if err := c.Call(t.Context(), "POST", "/x", json.RawMessage(`{"html": "<&>"}`), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"sent": "{\"html\":\"<&>\"}\n", "token": "Bearer secret", "type": "application/json"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if calls.Load() != 3 {
		t.Errorf("%d calls: want two that fail and one that does not", calls.Load())
	}
}

func TestClientReportsRefusals(t *testing.T) {
	url, calls := server(t, 409)
	c, err := NewClient(url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = c.Call(t.Context(), "GET", "/x", nil, nil)
	if StatusOf(err) != 409 || !strings.Contains(err.Error(), "answer 1") || calls.Load() != 1 {
		t.Errorf("after %d calls got %v, want one with status 409 and the service's words", calls.Load(), err)
	}
}

func TestClientEndsWithItsContext(t *testing.T) {
	url, _ := server(t, 503, 503, 503, 503)
	c, err := NewClient(url, Options{MinWait: time.Hour, MaxWait: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.Call(ctx, "GET", "/x", nil, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestClientRefusesURLs(t *testing.T) {
	for _, url := range []string{"", "host:1", "ftp://host", "http://", "://"} {
		if _, err := NewClient(url, Options{}); err == nil {
			t.Errorf("%q: got no error", url)
		}
	}
}

func TestAuth(t *testing.T) {
	auth := NewAuth("master")
	bearer := func(token string) *http.Request {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", token)
		return r
	}
	for name, c := range map[string]struct {
		header             string
		operator, function bool
	}{
		"the operator's":      {"Bearer master", true, true},
		"the function's":      {"Bearer " + auth.FunctionToken("f"), false, true},
		"another function's":  {"Bearer " + auth.FunctionToken("g"), false, false},
		"another scheme":      {"Basic master", false, false},
		"the beginning of it": {"Bearer mast", false, false},
		"none":                {"", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := bearer(c.header)
			if got := auth.Operator(r) == nil; got != c.operator {
				t.Errorf("operator: got %v", got)
			}
			if got := auth.Function(r, "f") == nil; got != c.function {
				t.Errorf("function: got %v", got)
			}
			if (Auth{}).Operator(r) != nil || (Auth{}).Function(r, "f") != nil {
				t.Error("the zero Auth refuses somebody")
			}
		})
	}
}

func TestListen(t *testing.T) {
	for name, c := range map[string]struct {
		auth Auth
		addr string
		open bool
	}{
		"loopback without a token":   {Auth{}, "127.0.0.1:0", true},
		"everywhere without a token": {Auth{}, "0.0.0.0:0", false},
		"any host without a token":   {Auth{}, ":0", false},
		"no address":                 {Auth{}, "nonsense", false},
	} {
		t.Run(name, func(t *testing.T) {
			ln, err := c.auth.Listen(c.addr)
			if (err == nil) != c.open {
				t.Errorf("got %v", err)
			}
			if err == nil {
				_ = ln.Close()
			}
		})
	}
}

func TestReadToken(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct {
		path, want string
		fails      bool
	}{
		"no path":       {"", "", false},
		"a line":        {write("line", " token\n"), "token", false},
		"an empty file": {write("empty", "\n"), "", true},
		"no file":       {filepath.Join(dir, "none"), "", true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ReadToken(c.path)
			if got != c.want || (err != nil) != c.fails {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestServeLetsRequestsFinish(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	arrived, served := make(chan struct{}), make(chan error, 1)
	go func() {
		served <- Serve(ctx, ln, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(arrived)
			<-ctx.Done()
			time.Sleep(20 * time.Millisecond)
			WriteJSON(w, "done")
		}))
	}()
	go func() { <-arrived; cancel() }()
	resp, err := http.Get("http://" + ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := <-served; err != nil || resp.StatusCode != 200 {
		t.Errorf("got status %d and %v, want the request answered and no error", resp.StatusCode, err)
	}
}
