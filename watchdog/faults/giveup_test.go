package faults_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/sandbox"
	"github.com/pronghorn-faas/pronghorn/watchdog/watchdogtest"
)

// large makes a function whose dump takes longer than 80 ms.
const large = "COUNTER_MIB=256"

var givenUp = watchdogtest.CheckpointsFailed("given_up")

// TestDumpThatHoldsARequestTooLongIsGivenUp: the request is served by a process
// that has lost nothing, and a snapshot is taken when nobody waits for it.
func TestDumpThatHoldsARequestTooLongIsGivenUp(t *testing.T) {
	bin, f := programs(t)
	c := watchdogtest.NewControl(t, "", "")
	w := c.StartWith(t, bin, f, watchdogtest.Lineage(3), large, "snapshot_max_pause=80ms")
	for range 2 {
		w.Drive(1)
		time.Sleep(200 * time.Millisecond) // the dump is prepared meanwhile
	}
	w.Drive(2) // the last comes while the process is being dumped
	watchdogtest.Await(t, "a checkpoint given up", func() bool { return w.Metric(givenUp) == 1 })
	w.Drive(4) // nobody waits for the checkpoint after the last
	w.AwaitCheckpoints(1)
	w.Drive(3)
	goesOnRestored(t, c, bin, f, large)
}

// TestDumpIsGivenUpForARequestInAHurry: it is served within its own time,
// though requests may be held for much longer than that. CRIU does not look up
// while it takes a part of the pages out of the process, which takes as long as
// it has to share the CPU for: the container goes first, and one of three
// requests must be served, in case that the machine itself has to wait.
func TestDumpIsGivenUpForARequestInAHurry(t *testing.T) {
	bin, f := programs(t)
	for try := range 3 {
		c := watchdogtest.NewControl(t, "", "")
		w := c.LaunchIn(t, sandbox.Spec{RealTime: true}, bin, f, lineage, large, "snapshot_max_memory=1", "snapshot_max_pause=1m")
		w.AwaitHealth()
		w.Drive(1)
		status := getWithin(t, w, 200*time.Millisecond)
		if w.Metric(givenUp) == 1 && status == http.StatusOK {
			w.Drive(3)
			return
		}
		t.Logf("try %d: the request in a hurry is answered %d, %s is %v", try+1, status, givenUp, w.Metric(givenUp))
		_ = w.Sandbox.Close()
	}
	t.Error("no checkpoint was given up in time")
}

// getWithin sends a request that the function must have answered in time.
func getWithin(t *testing.T, w *watchdogtest.Watchdog, limit time.Duration) (status int) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://127.0.0.1:8080/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Timeout", limit.String())
	resp, err := w.Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}
