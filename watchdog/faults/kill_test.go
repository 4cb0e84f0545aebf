package faults_test

import (
	"net/http"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/sandbox"
	"github.com/pronghorn-faas/pronghorn/watchdog/watchdogtest"
)

// steps are those of a worker's start from a snapshot and of its checkpoint. CRIU
// is started, and the cache filled, beside the others.
var steps = []string{
	"start: planned",
	"restore: prepared",
	"fetch: manifest read",
	"fetch: frame cached",
	"restore: fetched",
	"restore: restored",
	"restore: arrived",
	"start: started",
	"checkpoint: gate shut",
	"checkpoint: idle",
	"checkpoint: dumped",
	"upload: base ready",
	"upload: allowed",
	"store: packed",
	"store: pack written",
	"store: manifest written",
	"upload: stored",
	"upload: registered",
}

// between are moments in the middle of what lies between two steps: a transfer,
// a restore, a dump.
var between = []string{
	"fetch: manifest read+1ms", "fetch: frame cached+1ms",
	"restore: fetched+2ms", "restore: fetched+5ms", "restore: fetched+10ms",
	"checkpoint: idle+2ms", "checkpoint: idle+5ms", "checkpoint: idle+10ms",
	"store: packed+1ms", "store: pack written+1ms",
}

// TestStepsAreTheOnesThatThereAre makes sure that the list is whole.
func TestStepsAreTheOnesThatThereAre(t *testing.T) {
	bin, f := programs(t)
	c := watchdogtest.NewControl(t, "", "")
	snapshotOf(t, c, bin, f)
	w := c.StartWith(t, watchdogtest.Mortal(t), f, lineage, "PRONGHORN_STEPS=true", "snapshot_cache_dir="+t.TempDir())
	w.Drive(2)
	w.AwaitCheckpoints(1)
	var done []string
	for _, found := range regexp.MustCompile(`step "(.*)" is done`).FindAllStringSubmatch(w.Log.String(), -1) {
		if !slices.Contains(done, found[1]) {
			done = append(done, found[1])
		}
	}
	if !slices.Equal(slices.Sorted(slices.Values(done)), slices.Sorted(slices.Values(steps))) {
		t.Errorf("the steps of a lifetime are %q, the tests are about %q", done, steps)
	}
}

// TestKilledAtEveryStep kills a container at every step of a start from a
// snapshot and of the checkpoint that follows. Another that runs meanwhile
// notices nothing; one that starts afterwards is restored, from a cache that
// the killed one may just have been writing; and what is registered is whole.
func TestKilledAtEveryStep(t *testing.T) {
	bin, f := programs(t)
	mortal := watchdogtest.Mortal(t)
	for _, moment := range append(slices.Clone(steps), between...) {
		t.Run(moment, func(t *testing.T) {
			t.Parallel()
			c := watchdogtest.NewControl(t, "", "")
			cache := "snapshot_cache_dir=" + t.TempDir()
			survivor := c.StartWith(t, bin, f, lineage)
			survivor.Drive(1)
			survivor.AwaitCheckpoints(1)
			stop := survivor.KeepBusy()
			runUntilKilled(t, c.LaunchIn(t, sandbox.Spec{}, mortal, f, lineage, cache, "PRONGHORN_KILL_AT="+moment))
			goesOnRestored(t, c, bin, f, cache)
			stop()
			if manifests := c.VerifyPool(t, fn, nil); len(manifests) < 2 {
				t.Errorf("%d snapshots are registered, want those of the survivor and of the last container", len(manifests))
			}
			c.AgentIsFine(t, fn)
		})
	}
}

// TestKilledBeforeTheFirstSnapshot kills containers that start cold, in a pool
// that has nothing yet.
func TestKilledBeforeTheFirstSnapshot(t *testing.T) {
	bin, f := programs(t)
	mortal := watchdogtest.Mortal(t)
	c := watchdogtest.NewControl(t, "", "")
	for _, moment := range []string{"start: planned", "checkpoint: dumped", "store: pack written", "upload: stored"} {
		runUntilKilled(t, c.LaunchIn(t, sandbox.Spec{}, mortal, f, lineage, "PRONGHORN_KILL_AT="+moment))
		if registered := c.Entries(t, fn); len(registered) > 0 {
			t.Errorf("%s: registered is %+v, want nothing", moment, registered)
		}
	}
	w := c.StartWith(t, bin, f, lineage)
	w.Drive(3)
	w.AwaitCheckpoints(1)
	c.VerifyPool(t, fn, nil)
}

// runUntilKilled sends requests until the container is gone.
func runUntilKilled(t *testing.T, w *watchdogtest.Watchdog) {
	t.Helper()
	w.Client.Timeout = 10 * time.Second
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		if resp, err := w.Get("/"); err == nil && resp.Status != http.StatusOK {
			t.Errorf("a container that is about to be killed answers %d: %s", resp.Status, resp.Body)
		}
		select {
		case <-w.Sandbox.Done():
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
	t.Fatalf("the container was not killed:\n%s", w.Log.String())
}
