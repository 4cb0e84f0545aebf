package snapshot_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// benchPages is what the image of a small function on PyPy has: 36 MB.
const benchPages = 9000

// imageEnv names an image directory to use instead of a made-up one.
const imageEnv = "PRONGHORN_BENCH_IMAGE"

// benchImage is an image directory on tmpfs, as images are staged. A made-up one
// compresses to about a sixth.
func benchImage(b *testing.B) (dir string, size int64) {
	b.Helper()
	dir = os.Getenv(imageEnv)
	if dir == "" {
		dir = tmpfs(b)
		writeBench(b, dir, "pages-1.img", heapPages(benchPages))
		writeBench(b, dir, "core-7.img", textPages(20, 1))
	}
	image, err := snapshot.OpenImage(dir)
	if err != nil {
		b.Fatal(err)
	}
	for _, p := range image.Pages {
		size += p.Bytes
	}
	return dir, size
}

func writeBench(b *testing.B, dir, name string, data []byte) {
	b.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
		b.Fatal(err)
	}
}

// heapPages look like a heap: words that are pointers, small numbers and zeros.
func heapPages(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	pages := make([]byte, n*snapshot.PageSize)
	for i := 0; i < len(pages); i += 8 {
		switch r.IntN(8) {
		case 0:
			binary.LittleEndian.PutUint64(pages[i:], 0x7f3a00000000+uint64(r.IntN(1<<16))*16)
		case 1:
			binary.LittleEndian.PutUint64(pages[i:], uint64(r.IntN(64)))
		case 2:
			copy(pages[i:], pages[max(i-512, 0):max(i-504, 8)])
		}
	}
	return pages
}

// cpu reports the CPU time of what follows until the returned function is called.
func cpu(b *testing.B) func() {
	begin := cpuTime(b)
	return func() {
		b.ReportMetric(float64((cpuTime(b)-begin).Microseconds())/1000/float64(b.N), "cpu-ms/op")
	}
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkStore packs and sends an image: all of it, and one that shares all
// pages; beside it sending the files as they are.
func BenchmarkStore(b *testing.B) {
	dir, size := benchImage(b)
	s := newServer(b)
	tr := snapshot.NewTransfer(nil)
	store := func(b *testing.B, base *snapshot.Base) {
		b.SetBytes(size)
		defer cpu(b)()
		for b.Loop() {
			image, err := snapshot.OpenImage(dir)
			if err != nil {
				b.Fatal(err)
			}
			req := s.storeRequest("s1", image)
			req.Base, req.Share = base, base.Packs()
			if base != nil {
				req = s.storeRequest("s2", image)
				req.Base, req.Share = base, base.Packs()
			}
			done, err := tr.Store(b.Context(), req)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(done.StoredBytes)/1e6, "stored-MB")
		}
	}
	b.Run("everything", func(b *testing.B) { store(b, nil) })
	raw, _ := s.object(manifestPath("s1"))
	base := s.base(b, "s1", sum(raw))
	b.Run("nothing new", func(b *testing.B) { store(b, base) })
	b.Run("plain upload", func(b *testing.B) { plainUpload(b, s, dir, size) })
}

func plainUpload(b *testing.B, s *server, dir string, size int64) {
	b.SetBytes(size)
	defer cpu(b)()
	for b.Loop() {
		f, err := os.Open(filepath.Join(dir, "pages-1.img"))
		if err != nil {
			b.Fatal(err)
		}
		req, err := http.NewRequestWithContext(b.Context(), http.MethodPut, s.URL+"/raw", f)
		if err != nil {
			b.Fatal(err)
		}
		req.ContentLength = size
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		_ = resp.Body.Close()
	}
}

// BenchmarkFetch assembles an image on tmpfs, from a server on loopback and
// from the node's cache; beside it copying the files as they are.
func BenchmarkFetch(b *testing.B) {
	source, size := benchImage(b)
	image, err := snapshot.OpenImage(source)
	if err != nil {
		b.Fatal(err)
	}
	s := newServer(b)
	done, err := s.store(b.Context(), s.storeRequest("s1", image))
	if err != nil {
		b.Fatal(err)
	}
	tr := snapshot.NewTransfer(nil)
	fetch := func(b *testing.B, c *snapshot.Cache) {
		parent := tmpfs(b)
		b.SetBytes(size)
		defer cpu(b)()
		for i := 0; b.Loop(); i++ {
			req := s.fetchRequest("s1", done.ManifestSHA256, filepath.Join(parent, fmt.Sprint(i)))
			req.Cache = c
			if _, err := tr.Fetch(b.Context(), req); err != nil {
				b.Fatal(err)
			}
			_ = os.RemoveAll(req.Dir)
		}
	}
	b.Run("from the pool", func(b *testing.B) { fetch(b, nil) })
	b.Run("from the cache", func(b *testing.B) { fetch(b, cache(b, b.TempDir(), 1<<40)) })
	b.Run("plain copy", func(b *testing.B) {
		data, err := os.ReadFile(filepath.Join(source, "pages-1.img"))
		if err != nil {
			b.Fatal(err)
		}
		dir := tmpfs(b)
		b.SetBytes(size)
		defer cpu(b)()
		for b.Loop() {
			f, err := os.Create(filepath.Join(dir, "pages-1.img"))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.CopyBuffer(struct{ io.Writer }{f}, struct{ io.Reader }{bytes.NewReader(data)}, make([]byte, 512<<10)); err != nil {
				b.Fatal(err)
			}
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	})
}

// BenchmarkBase hashes the pages of an assembled image.
func BenchmarkBase(b *testing.B) {
	source, size := benchImage(b)
	image, err := snapshot.OpenImage(source)
	if err != nil {
		b.Fatal(err)
	}
	s := newServer(b)
	if _, err := s.store(b.Context(), s.storeRequest("s1", image)); err != nil {
		b.Fatal(err)
	}
	m := s.manifest(b, "s1")
	b.SetBytes(size)
	for b.Loop() {
		if _, err := snapshot.NewBase(b.Context(), m, source); err != nil {
			b.Fatal(err)
		}
	}
}
