package faults_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pronghorn-faas/pronghorn/internal/sandbox"
	"github.com/pronghorn-faas/pronghorn/watchdog/watchdogtest"
)

// small is the size of the file systems that become full: an image fits.
const small = 32 << 20

// evicted makes lifetimes of two requests in one container, each of which
// starts from the deepest snapshot, and takes one.
var evicted = watchdogtest.EvictedLineage(2)

// TestStagingDirectoryIsFull fills the file system in which images are
// assembled and dumped: the function starts cold and goes on without a
// checkpoint, and both work again when there is room. The snapshot that could
// not be fetched is not blamed for it.
func TestStagingDirectoryIsFull(t *testing.T) {
	bin, f := programs(t)
	for where, env := range map[string]string{"pages in memory": "snapshot_max_memory=512Mi", "pages in the directory": "snapshot_max_memory=1"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			c := watchdogtest.NewControl(t, "", "")
			dir := filepath.Join(t.TempDir(), "staging")
			w := c.LaunchIn(t, sandbox.Spec{Tmpfs: map[string]int64{dir: small}}, bin, f, evicted, env, "snapshot_dir="+dir)
			w.AwaitHealth()
			w.Drive(9) // the next one leads to a checkpoint
			restored, taken := w.Metric(watchdogtest.Restored), w.Metric(watchdogtest.Checkpoints)
			if restored == 0 || taken == 0 {
				t.Fatalf("%v lifetimes were restored and %v snapshots taken, as long as there is room\n%s", restored, taken, w.Log.String())
			}
			empty := fill(t, w.Sandbox.Path(dir))
			w.Drive(16)
			for _, sample := range []string{watchdogtest.Cold("fetch_failed"), watchdogtest.CheckpointsFailed("dump_failed")} {
				if w.Metric(sample) < 1 {
					t.Errorf("%s is 0", sample)
				}
			}
			empty()
			w.Drive(8)
			if now := w.Metric(watchdogtest.Restored); now < restored+2 {
				t.Errorf("%v lifetimes were restored before, %v in all: want more, now that there is room again", restored, now)
			}
			if now := w.Metric(watchdogtest.Checkpoints); now < taken+2 {
				t.Errorf("%v snapshots were taken before, %v in all: want more, now that there is room again", taken, now)
			}
			c.VerifyPool(t, fn, nil)
			for _, e := range c.Entries(t, fn) {
				if len(e.Failures) > 0 {
					t.Errorf("snapshot %s is blamed for a full disk: %v", e.ID, e.Failures)
				}
			}
		})
	}
}

func TestCacheDirectoryIsFull(t *testing.T) {
	bin, f := programs(t)
	c := watchdogtest.NewControl(t, "", "")
	dir := filepath.Join(t.TempDir(), "cache")
	w := c.LaunchIn(t, sandbox.Spec{Tmpfs: map[string]int64{dir: 1 << 20}}, bin, f, evicted, "snapshot_cache_dir="+dir)
	w.AwaitHealth()
	w.Drive(12)
	if restored, taken := w.Metric(watchdogtest.Restored), w.Metric(watchdogtest.Checkpoints); restored < 4 || taken < 4 {
		t.Errorf("%v lifetimes were restored and %v snapshots taken, want 4 or more of both\n%s", restored, taken, w.Log.String())
	}
	c.VerifyPool(t, fn, nil)
}

// TestPoolIsFull fills the file system of a "dir:" pool.
func TestPoolIsFull(t *testing.T) {
	bin, f := programs(t)
	dir := detachedTmpfs(t, small)
	c := watchdogtest.NewControl(t, "", "dir:"+dir)
	empty := fill(t, dir)
	w := c.StartWith(t, bin, f, evicted)
	w.Drive(4)
	failed := watchdogtest.CheckpointsFailed("upload_failed")
	watchdogtest.Await(t, failed+" 2", func() bool { return w.Metric(failed) >= 2 })
	if registered := c.Entries(t, fn); len(registered) > 0 {
		t.Errorf("registered is %+v, want nothing", registered)
	}
	if left, err := os.ReadDir(filepath.Join(dir, ".incoming")); err != nil || len(left) > 0 {
		t.Errorf("left of the uploads is %v, %v: want nothing", left, err)
	}
	empty()
	w.Drive(6)
	if w.Metric(watchdogtest.Checkpoints) < 1 || w.Metric(watchdogtest.Restored) < 1 {
		t.Errorf("nothing was taken or restored, though there is room again\n%s", w.Log.String())
	}
	c.VerifyPool(t, fn, nil)
}

// fill takes all the room that a file system has, and what becomes free of it;
// empty gives it back.
func fill(t *testing.T, dir string) (empty func()) {
	t.Helper()
	ballast, err := os.Create(filepath.Join(dir, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	full, end := make(chan struct{}), make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		defer ballast.Close()
		take(ballast)
		close(full)
		for {
			select {
			case <-end:
				return
			case <-time.After(time.Millisecond):
				take(ballast)
			}
		}
	})
	<-full
	return func() {
		t.Helper()
		close(end)
		writing.Wait()
		if err := os.Remove(ballast.Name()); err != nil {
			t.Fatal(err)
		}
	}
}

// take writes until there is no room.
func take(f *os.File) {
	page := make([]byte, 4096)
	for {
		if _, err := f.Write(page); err != nil {
			return
		}
	}
}

// detachedTmpfs makes a file system that is mounted nowhere: it ends with the
// test, however that ends.
func detachedTmpfs(t *testing.T, bytes int64) (dir string) {
	t.Helper()
	fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fs)
	err = errors.Join(unix.FsconfigSetString(fs, "size", fmt.Sprint(bytes)), unix.FsconfigCreate(fs))
	if err != nil {
		t.Fatal(err)
	}
	mount, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(mount) })
	return fmt.Sprintf("/proc/self/fd/%d", mount)
}
