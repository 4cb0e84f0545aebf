package fork_test

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/watchdog/fork"
)

func TestOutputIsSentAsItComes(t *testing.T) {
	f := start(t, fork.Streaming, "while read line; do echo got $line; done")
	body, send := io.Pipe()
	resp, err := do(t, f, body, func() { write(t, send, "one\n") })
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer := bufio.NewReader(resp.Body)
	for _, line := range []string{"one", "two", "three"} {
		if got, err := answer.ReadString('\n'); got != "got "+line+"\n" {
			t.Fatalf("got %q, %v after %q was sent", got, err, line)
		}
		if next := map[string]string{"one": "two\n", "two": "three\n"}[line]; next != "" {
			write(t, send, next)
		}
	}
	_ = send.Close()
	if rest, err := io.ReadAll(answer); len(rest) > 0 || err != nil {
		t.Errorf("after the end: %q, %v", rest, err)
	}
}

// do sends a request whose body is still being written: first writes its
// beginning.
func do(t *testing.T, f *fixture, body io.Reader, first func()) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url, body)
	if err != nil {
		t.Fatal(err)
	}
	go first()
	return http.DefaultClient.Do(req)
}

func write(t *testing.T, to io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(to, text); err != nil {
		t.Error(err)
	}
}

func TestAnswerThatFailsAfterItsBeginIsCut(t *testing.T) {
	for claim, tc := range map[string]struct{ script, logged string }{
		"the process crashes":         {"echo begun; kill -9 $$", " - signal: killed"},
		"the process is late":         {"echo begun; sleep 300", " - 504 - ContentLength: 6B"},
		"a grandchild holds the rest": {"echo begun; sleep 300 &", " - the function did not end within 500ms"},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			f := start(t, fork.Streaming, tc.script, execTimeout(late))
			resp := f.get(t)
			if resp.StatusCode != http.StatusOK || resp.body != "begun\n" || !errors.Is(resp.err, io.ErrUnexpectedEOF) {
				t.Errorf("got %d %q and %v; want 200, what was written, and a missing end", resp.StatusCode, resp.body, resp.err)
			}
			eventually(t, "log "+tc.logged, func() bool { return strings.Contains(f.log.String(), tc.logged) })
		})
	}
}

func TestExitStatusAfterTheAnswerChangesNothing(t *testing.T) {
	f := start(t, fork.Streaming, "echo all; exit 3")
	if resp := f.get(t); resp.StatusCode != http.StatusOK || resp.body != "all\n" || resp.err != nil {
		t.Errorf("got %d %q and %v; want 200 and all that was written", resp.StatusCode, resp.body, resp.err)
	}
	eventually(t, "log the status", func() bool { return strings.Contains(f.log.String(), "exit status 3") })
}

// endless is a body of n random bytes that is not held in memory.
func endless(n int64) io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{}), n) }

func TestLargeBodiesPassThroughLittleMemory(t *testing.T) {
	const size = 100 << 20
	f := start(t, fork.Streaming, "", command("cat"))
	want := sha256.New()
	_, _ = io.Copy(want, endless(size))
	before := allocated()
	resp, err := http.Post(f.url, "", endless(size))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got := sha256.New()
	if n, err := io.Copy(got, resp.Body); n != size || err != nil {
		t.Fatalf("%d bytes came back, %v; want %d", n, err, size)
	}
	if string(got.Sum(nil)) != string(want.Sum(nil)) {
		t.Error("the bytes that came back are not those that were sent")
	}
	if used := allocated() - before; used > size/20 {
		t.Errorf("%d bytes were allocated for %d bytes of body", used, size)
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// dial sends a raw request and returns its connection.
func dial(t *testing.T, f *fixture, request string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	write(t, conn, request)
	return conn.(*net.TCPConn)
}

const (
	get      = "GET / HTTP/1.1\r\nHost: f\r\n\r\n"
	halfPost = "POST / HTTP/1.1\r\nHost: f\r\nContent-Length: 20\r\n\r\n0123456789"
)

func TestProcessEndsWithItsClient(t *testing.T) {
	for claim, tc := range map[string]struct{ script, request string }{
		"one that computes":              {"sleep 300", get},
		"one that writes":                {"while :; do echo more; sleep 0.01; done", get},
		"one that writes without end":    {"cat /dev/zero", get},
		"one that waits for more":        {"cat", halfPost},
		"one that waits, and has begun":  {"echo begun; cat", halfPost},
		"a grandchild that holds stdout": {"sleep 300 &", get},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			pids := newPIDFile(t)
			f := start(t, fork.Streaming, "echo $$ >"+string(pids)+"; "+tc.script)
			conn := dial(t, f, tc.request)
			pid := pids.await(t, 1)[0]
			time.Sleep(50 * time.Millisecond) // let it get to its work
			_ = conn.Close()
			eventually(t, "the process is gone", func() bool { return !alive(pid) })
			eventually(t, "the request is logged", func() bool { return f.log.String() != "" })
		})
	}
}

func TestSlowReaderHoldsTheProcessBackUntilTheTimeout(t *testing.T) {
	pids := newPIDFile(t)
	f := start(t, fork.Streaming, "echo $$ >"+string(pids)+"; exec cat /dev/zero", execTimeout(late))
	dial(t, f, get)
	pid := pids.await(t, 1)[0]
	eventually(t, "the process is gone", func() bool { return !alive(pid) })
	eventually(t, "the request has ended", func() bool { return strings.Contains(f.log.String(), " - 504 - ") })
}

func TestAnswerDoesNotWaitForABodyThatNobodyReads(t *testing.T) {
	for claim, tc := range map[string]struct {
		script string
		status int
		body   string
	}{
		"with output": {"echo done", 200, "done\n"},
		"without":     {"exit 0", 200, ""},
		"a failure":   {"exit 3", 500, "exit status 3"},
	} {
		t.Run(claim, func(t *testing.T) {
			f := start(t, fork.Streaming, tc.script)
			conn := dial(t, f, halfPost)
			_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
			in := bufio.NewReader(conn)
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if resp.StatusCode != tc.status || string(body) != tc.body || err != nil {
				t.Errorf("got %d %q, %v", resp.StatusCode, body, err)
			}
			// The rest of the body must not be taken for a request.
			_, _ = io.WriteString(conn, "0123456789"+get)
			if rest, err := io.ReadAll(in); !resp.Close || len(rest) > 0 {
				t.Errorf("the connection goes on: close is %t, then %q, %v\n%s", resp.Close, rest, err, f.log.String())
			}
		})
	}
}

func TestSilentClientIsTimedOut(t *testing.T) {
	f := start(t, fork.Streaming, "cat", execTimeout(200*time.Millisecond))
	conn := dial(t, f, strings.Replace(halfPost, "0123456789", "", 1))
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != http.StatusGatewayTimeout {
		t.Errorf("got %v, %v; want 504", resp, err)
	}
}
