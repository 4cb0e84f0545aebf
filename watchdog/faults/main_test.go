package faults_test

import (
	"os"
	"testing"

	"github.com/pronghorn-faas/pronghorn/internal/sandbox"
	"github.com/pronghorn-faas/pronghorn/watchdog/watchdogtest"
)

func TestMain(m *testing.M) {
	sandbox.Init()
	os.Exit(m.Run())
}

// fn is the name of the function in most of these tests.
const fn = "counter"

// lineage makes every container start from the deepest snapshot, and take one
// after its first request.
var lineage = watchdogtest.Lineage(1)

// programs are the watchdog and the function of a test.
func programs(t *testing.T) (bin string, f watchdogtest.Function) {
	t.Helper()
	watchdogtest.RequireCRIU(t)
	return watchdogtest.Binary(t), watchdogtest.Counter(t)
}

// snapshotOf runs a container until it has taken a snapshot, the first of its
// pool, and ends it.
func snapshotOf(t *testing.T, c *watchdogtest.Control, bin string, f watchdogtest.Function, env ...string) {
	t.Helper()
	w := c.StartWith(t, bin, f, append([]string{lineage}, env...)...)
	w.Drive(1)
	w.AwaitCheckpoints(1)
	if err := w.Terminate(); err != nil {
		t.Fatalf("after SIGTERM: %v", err)
	}
}

// goesOnRestored starts a container, which must be restored from the deepest
// snapshot in the pool, serve, and take another.
func goesOnRestored(t *testing.T, c *watchdogtest.Control, bin string, f watchdogtest.Function, env ...string) *watchdogtest.Watchdog {
	t.Helper()
	w := c.StartWith(t, bin, f, append([]string{lineage}, env...)...)
	w.Drive(3)
	w.AwaitCheckpoints(1)
	if w.Metric(watchdogtest.Restored) != 1 {
		t.Errorf("not restored:\n%s", w.Log.String())
	}
	return w
}
