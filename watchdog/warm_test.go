package watchdog_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pronghorn-faas/pronghorn/watchdog/watchdogtest"
)

func glob(t *testing.T, parts ...string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestTheNextStartOnTheNodeFindsItsImage: the container that takes a snapshot
// leaves the image in the node's cache, and so does the first that starts from
// it where it is not there; the next ones restore it as it is, without a pack.
func TestTheNextStartOnTheNodeFindsItsImage(t *testing.T) {
	watchdogtest.RequireCRIU(t)
	c := watchdogtest.NewControl(t, "", "")
	bin, f := watchdogtest.Binary(t), watchdogtest.Assemble(t, "bfs")
	cache := t.TempDir()
	start := func() *watchdogtest.Watchdog { return c.StartWith(t, bin, f, afterFirst, "snapshot_cache_dir="+cache) }
	first := start()
	drive(t, first, 3)
	if err := first.Terminate(); err != nil {
		t.Fatal(err)
	}
	kept := func() []string { return glob(t, cache, ".images", "*") }
	if len(kept()) != 1 {
		t.Fatalf("of one snapshot that was taken here there is %v", kept())
	}
	if err := os.RemoveAll(kept()[0]); err != nil {
		t.Fatal(err)
	}
	second := start()
	second.MustGet("/")
	await(t, "the image is kept", func() bool { return len(glob(t, cache, ".images", "*", ".sums")) == 1 })
	if err := second.Terminate(); err != nil {
		t.Fatal(err)
	}
	for _, pack := range glob(t, cache, "[a-z]*", "*") {
		if err := os.Remove(pack); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		w := start()
		if n := number(t, w.MustGet("/"), "X-Invocations"); n != 2 {
			t.Errorf("the first answer of a new container is invocation %d, want 2", n)
		}
		if err := w.Terminate(); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "4 lifetimes ended", func() bool { return len(c.Records()) == 4 })
	for _, r := range c.Records()[2:] {
		if r.BytesDownloaded != 0 || r.BytesCached == 0 || r.DownloadMS != 0 {
			t.Errorf("with the image in the cache, a start is %+v", r)
		}
	}
	if left := glob(t, cache, ".staging", "*-*"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
