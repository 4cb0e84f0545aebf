package watchdog_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/watchdog/watchdogtest"
)

// soakEnv is the number of requests of the soak; see make soak.
const soakEnv = "PRONGHORN_SOAK"

// settle is how long what the clients have closed takes to be gone.
const settle = 5 * time.Second

// footprint is what a watchdog holds.
type footprint struct {
	goroutines, descriptors, processes, residentKB int
}

func footprintOf(t *testing.T, w *watchdogtest.Watchdog) footprint {
	t.Helper()
	pid := w.Sandbox.PID()
	w.Client.CloseIdleConnections()
	time.Sleep(settle)
	f := footprint{goroutines: int(w.Metric("go_goroutines")), residentKB: residentKB(t, pid)}
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	f.descriptors = len(fds)
	f.processes = children(t, pid)
	return f
}

// children counts the child processes of all threads.
func children(t *testing.T, pid int) int {
	t.Helper()
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil || len(lists) == 0 {
		t.Fatalf("no list of children: %v", err)
	}
	n := 0
	for _, list := range lists {
		raw, _ := os.ReadFile(list) // a thread may just have ended
		n += len(strings.Fields(string(raw)))
	}
	return n
}

func residentKB(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kb, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kb
}

// fire sends n requests over 64 connections and returns how many failed.
func fire(w *watchdogtest.Watchdog, n int) int64 {
	var left, failed atomic.Int64
	left.Store(int64(n))
	var clients sync.WaitGroup
	for range 64 {
		clients.Go(func() {
			for left.Add(-1) >= 0 {
				if resp, err := w.Get("/"); err != nil || resp.Status != http.StatusOK {
					failed.Add(1)
				}
			}
		})
	}
	clients.Wait()
	return failed.Load()
}

// TestSoak sends many requests over 64 connections while lifetimes are
// evicted, checkpointed and restored: none fails, and what the watchdog holds
// after the first tenth is what it holds at the end.
func TestSoak(t *testing.T) {
	requests, err := strconv.Atoi(os.Getenv(soakEnv))
	if err != nil {
		t.Skipf("set %s to a number of requests, or run make soak", soakEnv)
	}
	watchdogtest.RequireCRIU(t)
	c := watchdogtest.NewControl(t, "", "")
	// The policy ends lifetimes where its table ends, too: it must not here,
	// since a lifetime a request is not what is to be soaked.
	w := c.StartWith(t, watchdogtest.Binary(t), watchdogtest.Assemble(t, "simple-hash"),
		"snapshot_strategy=request_centric&max_requests=100000", fmt.Sprintf("snapshot_evict_after=%d", max(requests/100, 1)),
		"snapshot_max_pause=5s", "prefix_logs=false")
	if failed := fire(w, requests/10); failed > 0 {
		t.Errorf("%d of the first %d requests failed", failed, requests/10)
	}
	early := footprintOf(t, w)
	if failed := fire(w, requests-requests/10); failed > 0 {
		t.Errorf("%d of the other %d requests failed", failed, requests-requests/10)
	}
	late := footprintOf(t, w)
	t.Logf("after a tenth %+v, at the end %+v", early, late)
	if late.goroutines > early.goroutines+20 || late.descriptors > early.descriptors+20 || late.processes > early.processes+1 {
		t.Errorf("leaked: %+v at the end, %+v after a tenth", late, early)
	}
	if late.residentKB > early.residentKB*3/2 {
		t.Errorf("memory grew from %d kB to %d kB", early.residentKB, late.residentKB)
	}
	cold, restored := starts(c.Records())
	checkpoints := w.Metric(`pronghorn_checkpoints_total{outcome="done",reason="planned"}`)
	t.Logf("%d cold starts, %d restores, %v checkpoints", cold, restored, checkpoints)
	if restored < 10 || checkpoints < 1 {
		t.Errorf("%d restores and %v checkpoints: want 10 and 1 or more", restored, checkpoints)
	}
}
