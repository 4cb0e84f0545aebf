package upstream_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/watchdog/upstream"
)

func TestDeadlineInterrupts(t *testing.T) {
	for claim, script := range map[string]func(net.Conn, *bufio.Reader, int){
		"waiting for the head": func(_ net.Conn, in *bufio.Reader, _ int) { _, _ = io.Copy(io.Discard, in) },
		"half-way through the answer": func(conn net.Conn, in *bufio.Reader, _ int) {
			_ = skipRequest(in)
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
			_, _ = io.Copy(io.Discard, in)
		},
		"half-way through a large answer": func(conn net.Conn, in *bufio.Reader, _ int) {
			_ = skipRequest(in)
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nhalf")
			_, _ = io.Copy(io.Discard, in)
		},
	} {
		t.Run(claim, func(t *testing.T) {
			s := serve(t, script)
			noLeaks(t)
			start := time.Now()
			resp, err := transport(t, s.addr).Do(t.Context(), request(t, http.MethodGet, nil), upstream.Options{Deadline: start.Add(30 * time.Millisecond)})
			if err == nil {
				_, err = io.Copy(new(bytes.Buffer), resp.Body)
			}
			if took := time.Since(start); !errors.Is(err, upstream.ErrDeadline) || took > time.Second {
				t.Errorf("got %v after %s, want the deadline at once", err, took)
			}
		})
	}
}

func TestDeadlineThatHasPassedConnectsToNobody(t *testing.T) {
	s := serve(t, answering(""))
	if _, err := transport(t, s.addr).Do(t.Context(), request(t, http.MethodGet, nil), upstream.Options{Deadline: time.Now()}); !errors.Is(err, upstream.ErrDeadline) || s.accepted.Load() != 0 {
		t.Errorf("got %v with %d connections", err, s.accepted.Load())
	}
}

func TestDialEndsWithTheDeadline(t *testing.T) {
	tr := upstream.New(upstream.Settings{Addr: full(t)})
	if _, err := tr.Do(t.Context(), request(t, http.MethodGet, nil), upstream.Options{Deadline: time.Now().Add(20 * time.Millisecond)}); !errors.Is(err, upstream.ErrDeadline) {
		t.Errorf("got %v", err)
	}
}

// The connection is kept, and has no deadline for those who ask for none.
func TestDeadlineIsThatOfOneRequest(t *testing.T) {
	s := serve(t, answering(ok))
	tr := transport(t, s.addr)
	for _, d := range []time.Duration{20 * time.Millisecond, 0, time.Minute, 20 * time.Millisecond} {
		o := upstream.Options{}
		if d > 0 {
			o.Deadline = time.Now().Add(d)
		}
		resp, err := tr.Do(t.Context(), request(t, http.MethodGet, nil), o)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		time.Sleep(30 * time.Millisecond)
	}
	if got := s.accepted.Load(); got != 1 {
		t.Errorf("%d connections, want 1", got)
	}
}

func TestDoneIsCalledOnceForEveryAnswer(t *testing.T) {
	for claim, tc := range map[string]struct {
		answer string
		want   []int
	}{
		"with a body":    {"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok", []int{201}},
		"without":        {"HTTP/1.1 204 No Content\r\n\r\n", []int{204}},
		"that is cut":    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", []int{200}},
		"but to nothing": {"", nil},
	} {
		t.Run(claim, func(t *testing.T) {
			s := serve(t, answeringOnce(tc.answer))
			var got []int
			resp, err := transport(t, s.addr).Do(t.Context(), request(t, http.MethodPost, nil), upstream.Options{Done: func(status int) { got = append(got, status) }})
			if err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

// What is copied to the client of a server goes from connection to connection.
func TestLargeAnswersArePassedOnWhole(t *testing.T) {
	for claim, tc := range map[string]struct {
		length, sent int
		whole        bool
	}{
		"one that fits into the buffer": {1000, 1000, true},
		"one that does not":             {40 << 10, 40 << 10, true},
		"a large one":                   {5 << 20, 5 << 20, true},
		"a large one that is cut":       {5 << 20, 3 << 20, false},
	} {
		t.Run(claim, func(t *testing.T) {
			content := make([]byte, tc.sent)
			for i := range content {
				content[i] = byte(i / 251)
			}
			from := serve(t, func(conn net.Conn, in *bufio.Reader, _ int) {
				for skipRequest(in) == nil {
					fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", tc.length)
					_, _ = conn.Write(content)
					if !tc.whole {
						return
					}
				}
			})
			got, err := passedOn(t, transport(t, from.addr), tc.length)
			if !bytes.Equal(got, content) && tc.whole || (err == nil) != tc.whole {
				t.Errorf("%d bytes arrived, %v", len(got), err)
			}
			if accepted := from.accepted.Load(); tc.whole && accepted != 1 {
				t.Errorf("%d connections, want 1", accepted)
			}
		})
	}
}

// passedOn gets two answers through a server that copies them, and returns the
// second.
func passedOn(t *testing.T, tr *upstream.Transport, length int) ([]byte, error) {
	t.Helper()
	through := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		resp, err := tr.RoundTrip(request(t, http.MethodGet, nil))
		if err != nil {
			t.Error(err)
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(length))
		if _, err := io.Copy(w, resp.Body); err != nil {
			panic(http.ErrAbortHandler)
		}
	}))
	defer through.Close()
	var got []byte
	var failed error
	for range 2 {
		resp, err := http.Get(through.URL)
		if err != nil {
			return nil, err
		}
		got, failed = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
	}
	return got, failed
}
