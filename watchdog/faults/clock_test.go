package faults_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/require"
	"github.com/pronghorn-faas/pronghorn/internal/sandbox"
	"github.com/pronghorn-faas/pronghorn/watchdog/watchdogtest"
)

// machines are those on which a snapshot is taken and restored: how far their
// clocks, which count from their starts, are ahead of that of this one.
var machines = map[string]struct{ taken, restored time.Duration }{
	"one clock":                    {0, 0},
	"the clock is 2500 s behind":   {2500 * time.Second, 0},
	"the clock is 5000 s ahead":    {0, 5000 * time.Second},
	"both machines are of another": {5000 * time.Second, 2500 * time.Second},
}

// onAnother takes a snapshot on one machine and starts a container from it on
// another. The clock of its process, which it asks at /clock, in ns, goes on.
func onAnother(t *testing.T, f watchdogtest.Function, taken, restored time.Duration) *watchdogtest.Watchdog {
	t.Helper()
	c, bin := watchdogtest.NewControl(t, "", ""), watchdogtest.Binary(t)
	start := func(ahead time.Duration) *watchdogtest.Watchdog {
		w := c.LaunchIn(t, sandbox.Spec{Clock: ahead}, bin, f, watchdogtest.Lineage(2))
		w.AwaitHealth()
		return w
	}
	first := start(taken)
	first.Drive(1)
	before := clockOf(t, first)
	first.AwaitCheckpoints(1)
	if err := first.Terminate(); err != nil {
		t.Fatal(err)
	}
	w := start(restored)
	after := clockOf(t, w)
	if w.Metric(watchdogtest.Restored) != 1 {
		t.Fatalf("not restored:\n%s", w.Log.String())
	}
	if passed := after - before; passed < 0 || passed > time.Minute {
		t.Errorf("between two requests, before the snapshot and after the restore, %s have passed", passed)
	}
	return w
}

func clockOf(t *testing.T, w *watchdogtest.Watchdog) time.Duration {
	t.Helper()
	var now int64
	if _, err := fmt.Sscan(w.MustGet("/clock").Body, &now); err != nil {
		t.Fatal(err)
	}
	return time.Duration(now)
}

func TestClockGoesOn(t *testing.T) {
	watchdogtest.RequireCRIU(t)
	f := watchdogtest.Counter(t)
	for claim, m := range machines {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			onAnother(t, f, m.taken, m.restored)
		})
	}
}

// TestScheduledExecutorKeepsTicking has a JVM that ticks a hundred times a
// second: restored where the clock is another, it neither stands still nor
// makes up for what it seems to have missed.
func TestScheduledExecutorKeepsTicking(t *testing.T) {
	watchdogtest.RequireCRIU(t)
	f := ticker(t)
	for claim, m := range machines {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			w := onAnother(t, f, m.taken, m.restored)
			before, begin := ticksOf(t, w), time.Now()
			time.Sleep(2 * time.Second)
			ticks, passed := ticksOf(t, w)-before, time.Since(begin)
			t.Logf("%d ticks in %s", ticks, passed)
			if due := int(passed / (10 * time.Millisecond)); ticks < due/4 || ticks > due*2 {
				t.Errorf("%d ticks in %s, want about %d", ticks, passed, due)
			}
		})
	}
}

func ticksOf(t *testing.T, w *watchdogtest.Watchdog) (ticks int) {
	t.Helper()
	if _, err := fmt.Sscan(w.MustGet("/ticks").Body, &ticks); err != nil {
		t.Fatal(err)
	}
	return ticks
}

// ticker compiles the function of that name.
func ticker(t *testing.T) watchdogtest.Function {
	t.Helper()
	javac := require.Program(t, "jvm", "javac")
	dir := filepath.Join(t.TempDir(), "ticker")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(javac, "-d", dir, "testdata/Ticker.java").CombinedOutput(); err != nil {
		t.Fatalf("compile the function: %v\n%s", err, out)
	}
	return watchdogtest.Function{
		Name: "ticker", Dir: dir, Upstream: "http://127.0.0.1:5000",
		Process: "java -XX:+UseSerialGC -Xmx64m -XX:-UsePerfData -cp . Ticker",
	}
}
