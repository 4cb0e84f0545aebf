package upstream_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

var errStop = errors.New("stop")

func TestBothSidesStreamAtOnce(t *testing.T) {
	s := function(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		for lines := bufio.NewScanner(r.Body); lines.Scan(); {
			fmt.Fprintf(w, "echo %s\n", lines.Text())
			w.(http.Flusher).Flush()
		}
	})
	noLeaks(t)
	pr, pw := io.Pipe()
	started := make(chan *http.Response, 1)
	go func() {
		resp, err := transport(t, s.addr).RoundTrip(request(t, http.MethodPost, pr))
		if err != nil {
			t.Error(err)
		}
		started <- resp
	}()
	fmt.Fprintln(pw, "1")
	resp := <-started
	answers := bufio.NewReader(resp.Body)
	for n := 1; n < 5; n++ {
		if line, err := answers.ReadString('\n'); line != fmt.Sprintf("echo %d\n", n) {
			t.Fatalf("got %q, %v", line, err)
		}
		fmt.Fprintln(pw, n+1)
	}
	_ = pw.Close()
	_, _ = io.Copy(io.Discard, answers)
	_ = resp.Body.Close()
}

func TestEarlyAnswer(t *testing.T) {
	for claim, tc := range map[string]struct {
		body   func(*testing.T) io.Reader
		length int64
	}{
		"to a body that never begins, of known length":   {blocked, 10},
		"to a body that never begins, of unknown length": {blocked, -1},
		"to a body that is larger than all buffers":      {func(*testing.T) io.Reader { return zeros{} }, 1 << 40},
	} {
		t.Run(claim, func(t *testing.T) {
			s := serve(t, func(conn net.Conn, in *bufio.Reader, _ int) {
				if _, err := http.ReadRequest(in); err == nil {
					fmt.Fprint(conn, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
				}
				_, _ = io.Copy(io.Discard, in)
			})
			noLeaks(t)
			req := request(t, http.MethodPost, tc.body(t))
			req.ContentLength = tc.length
			tr := transport(t, s.addr)
			if resp, body := exchange(t, tr, req); resp.StatusCode != http.StatusForbidden || body != "no" {
				t.Errorf("got %d %q", resp.StatusCode, body)
			}
			if resp, _ := exchange(t, tr, request(t, http.MethodGet, nil)); resp.StatusCode != http.StatusForbidden || s.accepted.Load() != 2 {
				t.Errorf("got %d on %d connections, want 403 on a second one", resp.StatusCode, s.accepted.Load())
			}
		})
	}
}

// blocked is a body that never comes.
func blocked(t *testing.T) io.Reader {
	pr, pw := io.Pipe()
	t.Cleanup(func() { _ = pw.Close() })
	return pr
}

func TestAnswerOfAServerThatDoesNotReadTheBody(t *testing.T) {
	s := serve(t, func(conn net.Conn, in *bufio.Reader, _ int) {
		_, _ = http.ReadRequest(in)
		fmt.Fprint(conn, "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig")
		_ = conn.(*net.TCPConn).CloseWrite()
		time.Sleep(50 * time.Millisecond)
	})
	noLeaks(t)
	req := request(t, http.MethodPost, io.LimitReader(zeros{}, 64<<20))
	req.ContentLength = 64 << 20
	if resp, body := exchange(t, transport(t, s.addr), req); resp.StatusCode != http.StatusRequestEntityTooLarge || body != "big" {
		t.Errorf("got %d %q", resp.StatusCode, body)
	}
}

func TestLargeBodiesBothWaysKeepTheConnection(t *testing.T) {
	s := function(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	})
	noLeaks(t)
	tr := transport(t, s.addr)
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for _, length := range []int64{int64(len(sent)), -1, int64(len(sent))} {
		req := request(t, http.MethodPost, bytes.NewReader(sent))
		req.ContentLength = length
		if _, got := exchange(t, tr, req); got != string(sent) {
			t.Errorf("%d bytes came back, want the %d that were sent", len(got), len(sent))
		}
	}
	if got := s.accepted.Load(); got != 1 {
		t.Errorf("%d connections, want 1", got)
	}
}

func TestTrailerOfTheRequestIsReadAfterItsBody(t *testing.T) {
	got := make(chan http.Header, 1)
	s := function(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		got <- r.Trailer
	})
	req := request(t, http.MethodPost, nil)
	req.Trailer = http.Header{"X-Sum": nil}
	req.ContentLength = -1
	req.Body = io.NopCloser(readerFunc(func([]byte) (int, error) {
		req.Trailer.Set("X-Sum", "7")
		return 0, io.EOF
	}))
	exchange(t, transport(t, s.addr), req)
	if sum := (<-got).Get("X-Sum"); sum != "7" {
		t.Errorf("the server got %q", sum)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestContextInterrupts(t *testing.T) {
	for claim, tc := range map[string]struct {
		script func(net.Conn, *bufio.Reader, int)
		body   func(*testing.T) io.Reader
	}{
		"waiting for the head": {script: func(_ net.Conn, in *bufio.Reader, _ int) { _, _ = io.Copy(io.Discard, in) }},
		"writing the body":     {script: func(net.Conn, *bufio.Reader, int) { time.Sleep(300 * time.Millisecond) }, body: func(*testing.T) io.Reader { return zeros{} }},
		"waiting for the body": {script: func(_ net.Conn, in *bufio.Reader, _ int) { _, _ = io.Copy(io.Discard, in) }, body: blocked},
		"half-way through the answer": {script: func(conn net.Conn, in *bufio.Reader, _ int) {
			_ = skipRequest(in)
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
			_, _ = io.Copy(io.Discard, in)
		}},
		"between chunks": {script: func(conn net.Conn, in *bufio.Reader, _ int) {
			_ = skipRequest(in)
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
			_, _ = io.Copy(io.Discard, in)
		}},
	} {
		t.Run(claim, func(t *testing.T) {
			ended := make(chan struct{})
			s := serve(t, func(conn net.Conn, in *bufio.Reader, nth int) {
				tc.script(conn, in, nth)
				close(ended)
			})
			noLeaks(t)
			ctx, cancel := context.WithTimeoutCause(t.Context(), 30*time.Millisecond, errStop)
			defer cancel()
			req := requestWith(ctx, t, http.MethodPost, nil)
			if tc.body != nil {
				req.Body, req.ContentLength = io.NopCloser(tc.body(t)), -1
				if c, ok := tc.body(t).(io.ReadCloser); ok {
					req.Body = c
				}
			}
			start := time.Now()
			resp, err := transport(t, s.addr).RoundTrip(req)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
			}
			if took := time.Since(start); !errors.Is(err, errStop) || took > time.Second {
				t.Errorf("got %v after %s, want the context's cause at once", err, took)
			}
			<-ended
		})
	}
}

func TestContextThatHasEndedConnectsToNobody(t *testing.T) {
	s := serve(t, answering(""))
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errStop)
	if _, err := transport(t, s.addr).RoundTrip(requestWith(ctx, t, http.MethodGet, nil)); !errors.Is(err, errStop) || s.accepted.Load() != 0 {
		t.Errorf("got %v with %d connections", err, s.accepted.Load())
	}
}
