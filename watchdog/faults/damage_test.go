package faults_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/watchdog/watchdogtest"
)

// afterFirst takes one snapshot, after the first request ever.
const afterFirst = "snapshot_strategy=fixed&request_to_checkpoint=1"

// places are where a bit may flip in what there is of a snapshot. The manifest
// is a file of its own, and so is the pack, of which the middle of a frame
// stands for any bit of it.
var places = map[string]func(snapshot.Manifest) (inManifest bool, at int64){
	"the manifest":     func(snapshot.Manifest) (bool, int64) { return true, 200 },
	"a frame of pages": func(m snapshot.Manifest) (bool, int64) { return false, middle(m.Packs[0].Frames[0]) },
	"the last frame of pages": func(m snapshot.Manifest) (bool, int64) {
		return false, middle(m.Packs[0].Frames[len(m.Packs[0].Frames)-1])
	},
	"a frame of other metadata": func(m snapshot.Manifest) (bool, int64) { return false, middle(m.Meta[0]) },
}

func middle(f snapshot.Frame) int64 { return f.Offset + f.Bytes/2 }

// TestFlippedBitInThePool: two containers find out and start cold; after that
// nobody is sent there any more, and the next snapshot is restored.
func TestFlippedBitInThePool(t *testing.T) {
	bin, f := programs(t)
	for place, find := range places {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			c := watchdogtest.NewControl(t, "", "")
			snapshotOf(t, c, bin, f)
			m := c.VerifyPool(t, fn, nil)[0]
			inManifest, at := find(m)
			object := snapshot.PackKey(fn, m.ID)
			if inManifest {
				object = snapshot.ManifestKey(fn, m.ID)
			}
			flipBit(t, filepath.Join(c.PoolDir, object), at)
			for range 2 {
				w := c.StartWith(t, bin, f, afterFirst)
				w.Drive(3)
				if w.Metric(watchdogtest.Cold("fetch_failed")) != 1 {
					t.Errorf("%s is not 1:\n%s", watchdogtest.Cold("fetch_failed"), w.Log.String())
				}
			}
			watchdogtest.Await(t, "2 failures counted", func() bool { return len(c.Entries(t, fn)[0].Failures) == 2 })
			snapshotOf(t, c, bin, f) // starts cold without trying
			goesOnRestored(t, c, bin, f)
		})
	}
}

// TestFlippedBitInTheCache: what is damaged there is fetched again from the
// pool, and put in its place.
func TestFlippedBitInTheCache(t *testing.T) {
	bin, f := programs(t)
	for place, find := range places {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			c := watchdogtest.NewControl(t, "", "")
			dir := t.TempDir()
			restoredWithCache := func() (downloaded float64) {
				w := c.StartWith(t, bin, f, afterFirst, "snapshot_cache_dir="+dir)
				w.Drive(2)
				if w.Metric(watchdogtest.Restored) != 1 {
					t.Errorf("not restored:\n%s", w.Log.String())
				}
				return w.Metric(`pronghorn_bytes_total{direction="down"}`)
			}
			snapshotOf(t, c, bin, f)
			if restoredWithCache() == 0 {
				t.Error("an empty cache had it all")
			}
			m := c.VerifyPool(t, fn, nil)[0]
			inManifest, at := find(m)
			file := filepath.Join(dir, fn, m.ID)
			if inManifest {
				file = filepath.Join(dir, ".manifests", c.Entries(t, fn)[0].ManifestSHA256)
			}
			flipBit(t, file, at)
			if got := restoredWithCache(); got == 0 || got > float64(m.Packs[0].Bytes)/2 {
				t.Errorf("%.0f bytes were downloaded in the place of one bit, want those of a frame or of the manifest", got)
			}
			if got := restoredWithCache(); got > 0 {
				t.Errorf("%.0f bytes were downloaded again", got)
			}
		})
	}
}

func flipBit(t *testing.T, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}
