package fork_test

import (
	"bufio"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/watchdog/fork"
)

func TestSerializedAnswerHasItsLengthAndDuration(t *testing.T) {
	for claim, tc := range map[string]struct {
		method, script, length string
	}{
		"a success":           {"GET", "printf 12345", "5"},
		"an empty one":        {"GET", "exit 0", "0"},
		"HEAD, as if for GET": {"HEAD", "printf 12345", "5"},
		"a large one":         {"GET", "head -c 1000000 /dev/zero", "1000000"},
		"a failure":           {"GET", "printf 12345; exit 4", "13"},
	} {
		t.Run(claim, func(t *testing.T) {
			f := start(t, fork.Serializing, tc.script)
			resp := f.request(t, tc.method, "/", nil, nil)
			if got := resp.Header.Get("Content-Length"); got != tc.length {
				t.Errorf("Content-Length is %q, want %s", got, tc.length)
			}
			if got := resp.Header.Get("X-Duration-Seconds"); !regexp.MustCompile(`^\d+\.\d{6}$`).MatchString(got) {
				t.Errorf("X-Duration-Seconds is %q, want seconds with 6 decimals", got)
			}
		})
	}
}

func TestNoPartOfAFailedAnswerIsSent(t *testing.T) {
	for script, want := range map[string]string{
		"echo part; exit 4":    "exit status 4",
		"echo part; sleep 300": "the function did not end within 300ms",
	} {
		t.Run(script, func(t *testing.T) {
			f := start(t, fork.Serializing, script, execTimeout(300*time.Millisecond))
			if resp := f.get(t); resp.body != want || resp.err != nil {
				t.Errorf("got %q, %v; want %q", resp.body, resp.err, want)
			}
		})
	}
}

func TestProcessStartsWhenTheRequestIsWhole(t *testing.T) {
	pids := newPIDFile(t)
	f := start(t, fork.Serializing, "echo $$ >>"+string(pids)+"; cat")
	conn := dial(t, f, halfPost)
	time.Sleep(100 * time.Millisecond)
	if started := pids.pids(); len(started) > 0 {
		t.Error("the process was started with half of the body")
	}
	write(t, conn, "0123456789")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != http.StatusOK || len(pids.pids()) != 1 {
		t.Errorf("got %v, %v from %d processes; want 200 from one", resp, err, len(pids.pids()))
	}
}

func TestRequestThatCannotBeReadIsRefused(t *testing.T) {
	for claim, tc := range map[string]struct {
		request string
		close   bool
		status  string
	}{
		"cut":                {halfPost, true, " - 400 - "},
		"in chunks of wrong": {"POST / HTTP/1.1\r\nHost: f\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n", false, " - 400 - "},
	} {
		t.Run(claim, func(t *testing.T) {
			pids := newPIDFile(t)
			f := start(t, fork.Serializing, "echo $$ >"+string(pids))
			conn := dial(t, f, tc.request)
			if tc.close {
				_ = conn.Close()
			}
			eventually(t, "log "+tc.status, func() bool { return strings.Contains(f.log.String(), tc.status) })
			if len(pids.pids()) > 0 {
				t.Error("a process was started")
			}
		})
	}
}

func TestSerializedProcessEndsWithItsClient(t *testing.T) {
	pids := newPIDFile(t)
	f := start(t, fork.Serializing, "sleep 300 & echo $$ $! >"+string(pids)+"; wait")
	conn := dial(t, f, get)
	started := pids.await(t, 2)
	_ = conn.Close()
	for _, pid := range started {
		eventually(t, "the process is gone", func() bool { return !alive(pid) })
	}
	eventually(t, "the reason is logged", func() bool { return strings.Contains(f.log.String(), "the client has gone away") })
}
