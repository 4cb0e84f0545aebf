package snapshot_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// benchSize is what the image of a small JVM has, in bytes.
const benchSize = 64 << 20

// stagingDir is on tmpfs where there is one, as images are staged.
func stagingDir(b *testing.B) string {
	b.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "pronghorn-bench-")
	if err != nil {
		return b.TempDir()
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func benchImages(b *testing.B) string {
	b.Helper()
	dir := stagingDir(b)
	pages := bytes.Repeat([]byte("0123456789abcdef"), benchSize/16)
	if err := os.WriteFile(filepath.Join(dir, "pages-1.img"), pages, 0o600); err != nil {
		b.Fatal(err)
	}
	return dir
}

func BenchmarkPackDir(b *testing.B) {
	dir := benchImages(b)
	b.SetBytes(benchSize)
	for b.Loop() {
		if _, err := snapshot.PackDir(b.Context(), dir, io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnpack(b *testing.B) {
	var raw bytes.Buffer
	p, err := snapshot.PackDir(b.Context(), benchImages(b), &raw)
	if err != nil {
		b.Fatal(err)
	}
	parent := stagingDir(b)
	b.SetBytes(benchSize)
	for b.Loop() {
		dir := filepath.Join(parent, "images")
		if err := snapshot.Unpack(b.Context(), bytes.NewReader(raw.Bytes()), p, dir); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := os.RemoveAll(dir); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
