package snapshot_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

const fn = "hello"

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// files are the files of an image, by name.
type files map[string][]byte

// images is a small image: some metadata, an empty file, zero pages, a page that
// occurs twice, and more pages than a frame has. Frames: 0 metadata, 1 and 2 pages.
func images() files {
	pages := textPages(200, 1)
	copy(pages[5*snapshot.PageSize:], pages[9*snapshot.PageSize:10*snapshot.PageSize])
	clear(pages[20*snapshot.PageSize : 40*snapshot.PageSize])
	return files{
		"core-7.img":    []byte("core"),
		"empty.img":     {},
		"inventory.img": []byte("inventory"),
		"pages-1.img":   pages,
		"pages-2.img":   {},
	}
}

// textPages returns pages that differ and can be compressed.
func textPages(n int, seed uint64) []byte {
	pages := make([]byte, n*snapshot.PageSize)
	r := rand.New(rand.NewPCG(seed, 1))
	for i := 0; i < len(pages); i += 64 {
		binary.LittleEndian.PutUint64(pages[i:], r.Uint64())
	}
	return pages
}

func writeDir(t testing.TB, f files) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range f {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func openImage(t testing.TB, f files) *snapshot.Image {
	t.Helper()
	image, err := snapshot.OpenImage(writeDir(t, f))
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func readDir(t testing.TB, dir string) files {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	f := files{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		f[e.Name()] = data
	}
	return f
}

func sameFiles(t testing.TB, got, want files) {
	t.Helper()
	if !maps.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("got files %v, want %v, or their contents differ", sizes(got), sizes(want))
	}
}

func sizes(f files) map[string]int {
	n := map[string]int{}
	for name, data := range f {
		n[name] = len(data)
	}
	return n
}

// identity is a manifest without what describes the image.
func identity(id string) snapshot.Manifest {
	return snapshot.Manifest{
		ID: id, Function: fn, Lifetime: "l1", RequestNumber: 3,
		Created: time.Date(2026, 7, 31, 12, 0, 0, 0, time.UTC), Platform: "linux-amd64-6.12.1-cpu1a2b3c4d-x", Runtime: "pypy",
		Process: snapshot.Process{PID: 7, MaxTID: 9, TIDs: []int{7, 9}, Stdout: "pipe:[11]", Stderr: "pipe:[12]"},
	}
}

// server is an object store that can be told to misbehave.
type server struct {
	*httptest.Server
	mu      sync.Mutex
	objects map[string][]byte
	calls   []string // without the range
	// fault answers instead of the server if it returns true; n counts the calls
	// for this object from 1.
	fault func(w http.ResponseWriter, r *http.Request, n int) bool
}

func newServer(t testing.TB) *server {
	s := &server{objects: map[string][]byte{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// note counts a call.
func (s *server) note(r *http.Request) (n int, fault func(http.ResponseWriter, *http.Request, int) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	call := r.Method + " " + r.URL.Path
	s.calls = append(s.calls, call)
	for _, c := range s.calls {
		if c == call {
			n++
		}
	}
	return n, s.fault
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n, fault := s.note(r)
	if fault != nil && fault(w, r, n) {
		return
	}
	if r.Method == http.MethodPut {
		s.put(w, r)
		return
	}
	data, ok := s.object(r.URL.Path)
	if !ok {
		http.Error(w, "NoSuchKey", http.StatusNotFound)
		return
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

func (s *server) object(path string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.objects[path]
	return data, ok
}

func (s *server) setObject(path string, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[path] = data
}

func (s *server) setFault(fault func(http.ResponseWriter, *http.Request, int) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault, s.calls = fault, nil
}

// called counts the calls that start with a prefix.
func (s *server) called(prefix string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.calls {
		if strings.HasPrefix(c, prefix) {
			n++
		}
	}
	return n
}

func (s *server) put(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away
	}
	if r.ContentLength != int64(len(data)) {
		http.Error(w, "MissingContentLength", http.StatusLengthRequired)
		return
	}
	s.setObject(r.URL.Path, data)
}

func packPath(id string) string     { return "/" + snapshot.PackKey(fn, id) }
func manifestPath(id string) string { return "/" + snapshot.ManifestKey(fn, id) }

// storeRequest is a request for this server.
func (s *server) storeRequest(id string, image *snapshot.Image) snapshot.StoreRequest {
	return snapshot.StoreRequest{
		PackURL: s.URL + packPath(id) + "?sig=secret", ManifestURL: s.URL + manifestPath(id) + "?sig=secret",
		Image: image, Manifest: identity(id),
	}
}

func (s *server) store(ctx context.Context, req snapshot.StoreRequest) (snapshot.Stored, error) {
	return snapshot.NewTransfer(nil).Store(ctx, req)
}

// fetchRequest is one for a snapshot whose packs are all here.
func (s *server) fetchRequest(id, sha, dir string) snapshot.FetchRequest {
	req := snapshot.FetchRequest{ManifestURL: s.URL + manifestPath(id) + "?sig=secret", ManifestSHA256: sha, PackURLs: map[string]string{}, Dir: dir}
	s.mu.Lock()
	defer s.mu.Unlock()
	for path := range s.objects {
		if parts := strings.Split(path, "/"); strings.HasSuffix(path, ".pack") {
			req.PackURLs[parts[2]] = s.URL + path + "?sig=secret"
		}
	}
	return req
}

func (s *server) fetch(ctx context.Context, id, sha, dir string) (snapshot.Fetched, error) {
	return snapshot.NewTransfer(nil).Fetch(ctx, s.fetchRequest(id, sha, dir))
}

// manifest decodes the stored manifest of a snapshot.
func (s *server) manifest(t testing.TB, id string) snapshot.Manifest {
	t.Helper()
	raw, _ := s.object(manifestPath(id))
	m, err := snapshot.DecodeManifest(raw, sum(raw))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// stored stores images() as "s1".
func stored(t testing.TB) (*server, string) {
	t.Helper()
	s := newServer(t)
	done, err := s.store(t.Context(), s.storeRequest("s1", openImage(t, images())))
	if err != nil {
		t.Fatal(err)
	}
	return s, done.ManifestSHA256
}

// mustFetch returns the files of a snapshot.
func (s *server) mustFetch(t testing.TB, id, sha string) files {
	t.Helper()
	dir := t.TempDir()
	if _, err := s.fetch(t.Context(), id, sha, dir); err != nil {
		t.Fatalf("fetch %s: %v", id, err)
	}
	return readDir(t, dir)
}

// tmpfs is a directory on tmpfs where there is one, as images are staged there.
func tmpfs(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "pronghorn-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
