package snapshot_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// images are small image files, by name; they lie in a pack in this order:
// "core-7.img", "empty.img", "inventory.img", "pages-1.img".
func images() map[string][]byte {
	return map[string][]byte{
		"inventory.img": []byte("inventory"),
		"core-7.img":    []byte("core"),
		"empty.img":     {},
		"pages-1.img":   bytes.Repeat([]byte("page"), 600<<10), // more than one chunk
	}
}

func writeDir(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func readDir(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = data
	}
	return files
}

func sameFiles(t testing.TB, got, want map[string][]byte) {
	t.Helper()
	if !maps.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("got files %v, want %v", sizes(got), sizes(want))
	}
}

func sizes(files map[string][]byte) map[string]int {
	n := map[string]int{}
	for name, data := range files {
		n[name] = len(data)
	}
	return n
}

// packed returns a pack of files and its description.
func packed(t testing.TB, files map[string][]byte) ([]byte, snapshot.Pack) {
	t.Helper()
	var raw bytes.Buffer
	p, err := snapshot.PackDir(t.Context(), writeDir(t, files), &raw)
	if err != nil {
		t.Fatal(err)
	}
	return raw.Bytes(), p
}

func manifest(p snapshot.Pack) snapshot.Manifest {
	return snapshot.Manifest{
		Format: snapshot.Format, ID: "s2", Function: "hello", Lifetime: "l1", Parent: "s1", RequestNumber: 3,
		Created: time.Date(2026, 7, 31, 12, 0, 0, 0, time.UTC), Platform: "linux-amd64-6.12.1-cpu1a2b3c4d-x", Runtime: "pypy",
		Process: snapshot.Process{PID: 7, MaxTID: 9, TIDs: []int{7, 9}, Stdout: "pipe:[11]", Stderr: "pipe:[12]"},
		Pack:    p,
	}
}
