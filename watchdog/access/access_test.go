package access_test

import (
	"errors"
	"fmt"
	"log"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/watchdog/access"
)

func TestLines(t *testing.T) {
	for claim, tc := range map[string]struct {
		agent, callID string
		log           access.Log
		request       access.Request
		want          string
	}{
		"of the http mode have the status in words": {
			request: access.Request{Code: 200, Phrase: true, Length: 430, Took: 1300 * time.Microsecond},
			want:    "POST /a?x=1 - 200 OK - ContentLength: 430B (0.0013s)\n"},
		"of the other modes have not": {
			request: access.Request{Code: 200, Length: 5, Took: 4 * time.Millisecond},
			want:    "POST /a?x=1 - 200 - ContentLength: 5B (0.0040s)\n"},
		"of an unknown length say -1": {
			request: access.Request{Code: 200, Length: -1, Took: 75 * time.Second},
			want:    "POST /a?x=1 - 200 - ContentLength: -1B (75.0000s)\n"},
		"end with the call's id": {log: access.Log{CallID: true}, callID: "abc",
			request: access.Request{Code: 404, Phrase: true},
			want:    "POST /a?x=1 - 404 Not Found - ContentLength: 0B (0.0000s) [abc]\n"},
		"or say that it has none": {log: access.Log{CallID: true},
			request: access.Request{Code: 404},
			want:    "POST /a?x=1 - 404 - ContentLength: 0B (0.0000s) [none]\n"},
		"are followed by what went wrong": {
			request: access.Request{Code: 500, Err: errors.New("broken")},
			want:    "POST /a?x=1 - 500 - ContentLength: 0B (0.0000s)\nPOST /a?x=1 - broken\n"},
		"are not written for probes": {agent: "kube-probe/1.30"},
	} {
		t.Run(claim, func(t *testing.T) {
			var lines strings.Builder
			tc.log.Lines = log.New(&lines, "", 0)
			r := httptest.NewRequest("POST", "/a?x=1", nil)
			r.Header.Set("User-Agent", tc.agent)
			if tc.callID != "" {
				r.Header.Set("X-Call-Id", tc.callID)
			}
			tc.log.Add(r, tc.request)
			if diff := cmp.Diff(tc.want, lines.String()); diff != "" {
				t.Errorf("log (-want +got):\n%s", diff)
			}
		})
	}
}

// writes remembers each write.
type writes struct {
	mu  sync.Mutex
	all []string
}

func (w *writes) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, string(p))
	return len(p), nil
}

func (w *writes) want(t *testing.T, want ...string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if diff := cmp.Diff(want, w.all); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}

func TestLinesThatMayWaitAreWrittenTogetherAndSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w writes
		b := access.NewBatch(&w)
		for round := range 2 {
			fmt.Fprintln(b.Later(), "one", round)
			fmt.Fprintln(b.Later(), "two", round)
			time.Sleep(time.Millisecond)
			synctest.Wait()
			fmt.Fprintln(b.Later(), "three", round)
			time.Sleep(10 * time.Millisecond)
			synctest.Wait()
		}
		w.want(t, "one 0\ntwo 0\nthree 0\n", "one 1\ntwo 1\nthree 1\n")
	})
}

func TestLinesKeepTheirOrder(t *testing.T) {
	var w writes
	b := access.NewBatch(&w)
	fmt.Fprint(b.Later(), "request\n")
	fmt.Fprint(b, "function\n")
	fmt.Fprint(b, "function\n")
	w.want(t, "request\n", "function\n", "function\n")
}

func TestNoLineIsLostAtTheEnd(t *testing.T) {
	var w writes
	b := access.NewBatch(&w)
	fmt.Fprint(b.Later(), "last\n")
	if err := b.Flush(); err != nil {
		t.Error(err)
	}
	w.want(t, "last\n")
}

func TestManyLinesDoNotWait(t *testing.T) {
	var w writes
	b := access.NewBatch(&w)
	line := strings.Repeat("x", 10<<10) + "\n"
	for range 4 {
		fmt.Fprint(b.Later(), line)
	}
	w.want(t, line+line+line)
	_ = b.Flush()
	w.want(t, line+line+line, line)
}
