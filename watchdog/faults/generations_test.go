package faults_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/watchdog/watchdogtest"
)

// generationsEnv is the number of generations of the long tests; see make
// generations.
const generationsEnv = "PRONGHORN_GENERATIONS"

// requestsOf a generation.
const requestsOf = 3

func TestGenerationsDoNotGrow(t *testing.T) {
	watchdogtest.RequireCRIU(t)
	generationsDoNotGrow(t, watchdogtest.Counter(t), 12)
}

func TestManyGenerationsOfPyPyDoNotGrow(t *testing.T)   { manyGenerations(t, "bfs", 1) }
func TestManyGenerationsOfTheJVMDoNotGrow(t *testing.T) { manyGenerations(t, "simple-hash", 2) }

func manyGenerations(t *testing.T, name string, divisor int) {
	n, err := strconv.Atoi(os.Getenv(generationsEnv))
	if err != nil {
		t.Skipf("set %s to a number of generations, or run make generations", generationsEnv)
	}
	watchdogtest.RequireCRIU(t)
	generationsDoNotGrow(t, watchdogtest.Assemble(t, name), n/divisor)
}

// size is what a generation takes: the function's process when it has served
// its requests, and the watchdog.
type size struct{ threads, descriptors, watchdogDescriptors, watchdogKB int }

// generationsDoNotGrow runs n lifetimes in one container, each of which is
// restored from the snapshot of the one before: n generations of restore,
// requests, checkpoint. What the one in the middle takes is what the last takes:
// until then a JVM still fills its young generation for the first time.
func generationsDoNotGrow(t *testing.T, f watchdogtest.Function, n int) {
	c, bin := watchdogtest.NewControl(t, "", ""), watchdogtest.Binary(t)
	w := c.StartWith(t, bin, f, watchdogtest.EvictedLineage(requestsOf), "snapshot_max_pause=1m", "snapshot_cache_dir="+t.TempDir())
	var early, late size
	var open []string
	for i := range n {
		w.Drive(requestsOf - 1)
		switch i {
		case n/2 - 1:
			early = sizeOf(t, w)
		case n - 1:
			late = sizeOf(t, w)
			open = linksIn(functionOf(t, w.Sandbox.PID()))
		}
		w.Drive(1)
	}
	watchdogtest.Await(t, "the last generation ended", func() bool { return len(c.Records()) >= n })
	records := c.Records()
	t.Logf("generation %d: %+v, %d: %+v", n/2, early, n, late)
	logLineage(t, c, f.Name, records)
	if late.threads > early.threads+2 || late.descriptors > early.descriptors || late.watchdogDescriptors > early.watchdogDescriptors+10 {
		t.Errorf("generation %d had %+v, generation %d %+v: want no growth; open in the end: %q", n/2, early, n, late, open)
	}
	if late.watchdogKB > early.watchdogKB*3/2+20<<10 {
		t.Errorf("the watchdog grew from %d kB to %d kB", early.watchdogKB, late.watchdogKB)
	}
	allRestored(t, records)
	first, last := imageOf(t, records[n/2-1]), imageOf(t, records[n-1])
	if last > first*11/10 {
		t.Errorf("the image grew from %d to %d bytes", first, last)
	}
	c.VerifyPool(t, f.Name, nil)
}

// allRestored makes sure that each lifetime goes on where the one before ended.
func allRestored(t *testing.T, records []agent.LifetimeRecord) {
	t.Helper()
	for i, r := range records {
		if i > 0 && (r.Start != agent.Restored || r.RequestNumber != i*requestsOf) {
			t.Errorf("generation %d was started %s at request %d, want restored at %d: %s", i+1, r.Start, r.RequestNumber, i*requestsOf, r.StartReason)
		}
	}
}

func imageOf(t *testing.T, r agent.LifetimeRecord) int64 {
	t.Helper()
	if r.Checkpoint == nil || r.Checkpoint.Outcome != agent.CheckpointDone {
		t.Fatalf("no snapshot was taken: %+v", r.Checkpoint)
	}
	return r.Checkpoint.Bytes
}

func logLineage(t *testing.T, c *watchdogtest.Control, fn string, records []agent.LifetimeRecord) {
	t.Helper()
	for i, r := range records {
		if k := r.Checkpoint; k != nil && (i < 4 || i%10 == 9 || i == len(records)-1) {
			t.Logf("generation %d: image %d bytes, stored %d, down %d, cached %d, pause %.0f ms, start %.0f ms", i+1, k.Bytes, k.StoredBytes, r.BytesDownloaded, r.BytesCached, k.PauseMS, r.StartUpMS)
		}
	}
	manifests := c.VerifyPool(t, fn, nil)
	t.Logf("the last snapshot refers to %d packs", len(manifests[len(manifests)-1].Packs))
}

// sizeOf waits until what restores and requests leave behind is gone.
func sizeOf(t *testing.T, w *watchdogtest.Watchdog) size {
	t.Helper()
	w.Client.CloseIdleConnections()
	time.Sleep(3 * time.Second)
	pid := w.Sandbox.PID()
	function := functionOf(t, pid)
	return size{
		threads: count(t, function, "task"), descriptors: count(t, function, "fd"),
		watchdogDescriptors: count(t, pid, "fd"), watchdogKB: residentKB(t, pid),
	}
}

// linksIn are what the descriptors of a process refer to.
func linksIn(pid int) (links []string) {
	fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, fd := range fds {
		link, _ := os.Readlink(fd) // it may just have been closed
		links = append(links, link)
	}
	return links
}

// functionOf returns the process of the function, a child of the watchdog.
func functionOf(t *testing.T, watchdog int) int {
	t.Helper()
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", watchdog))
	var all []string
	for _, list := range lists {
		raw, _ := os.ReadFile(list) // a thread may just have ended
		all = append(all, strings.Fields(string(raw))...)
	}
	for _, child := range all {
		status, _ := os.ReadFile("/proc/" + child + "/status") // a helper may just have ended
		_, ids, _ := strings.Cut(string(status), "NSpid:")
		if ids, _, _ = strings.Cut(ids, "\n"); strings.HasSuffix(ids, "\t20001") {
			pid, _ := strconv.Atoi(child)
			return pid
		}
	}
	t.Fatalf("none of the watchdog's children %v is the function", all)
	return 0
}

func count(t *testing.T, pid int, what string) int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/%s", pid, what))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func residentKB(t *testing.T, pid int) (kb int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	if _, err := fmt.Sscan(rest, &kb); err != nil {
		t.Fatal(err)
	}
	return kb
}
