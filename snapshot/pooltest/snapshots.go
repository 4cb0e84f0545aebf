package pooltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

const (
	fn = "hello"
	id = "s1"
)

func testPresigned(t *testing.T, pool snapshot.Pool) {
	signer, ok := pool.(snapshot.Presigner)
	if !ok {
		t.Skip("this pool presigns no URLs")
	}
	url, err := signer.PresignPut(t.Context(), "fn/a b+c", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if status, body := send(t, http.MethodPut, url, "data"); status != http.StatusOK {
		t.Fatalf("PUT: %d %s", status, body)
	}
	if status, body := send(t, http.MethodGet, url, ""); status != http.StatusForbidden {
		t.Errorf("GET with the URL for PUT: %d %s, want 403", status, body)
	}
	url, err = signer.PresignGet(t.Context(), "fn/a b+c", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if status, body := send(t, http.MethodGet, url, ""); status != http.StatusOK || body != "data" {
		t.Errorf("GET: %d %s", status, body)
	}
	other := strings.Replace(url, "/fn/", "/other/", 1)
	if status, body := send(t, http.MethodGet, other, ""); status != http.StatusForbidden {
		t.Errorf("GET of another object: %d %s, want 403", status, body)
	}
	if _, err := signer.PresignGet(t.Context(), "../x", time.Minute); err == nil {
		t.Error("a wicked key is presigned")
	}
}

func send(t *testing.T, method, url, body string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(raw)
}

func testRoundTrip(t *testing.T, pool snapshot.Pool) {
	images := imageDir(t)
	m, stored := store(t, pool, images)
	if diff := cmp.Diff([]string{snapshot.PackKey(fn, id), snapshot.ManifestKey(fn, id)}, keys(t, pool, snapshot.Prefix(fn, id))); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	got, err := snapshot.VerifyData(t.Context(), pool, fn, id, "", stored.ManifestSHA256, nil)
	if err != nil {
		t.Fatal(err)
	}
	m.Format, m.Files, m.Meta, m.Pages, m.Packs = snapshot.Format, got.Files, got.Meta, got.Pages, got.Packs
	if diff := cmp.Diff(m, got); diff != "" {
		t.Errorf("manifest (-want +got):\n%s", diff)
	}
	dir := filepath.Join(t.TempDir(), "restored")
	fetched, err := fetch(t, pool, got, stored.ManifestSHA256, dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, fetched.Manifest); diff != "" {
		t.Errorf("fetched manifest (-want +got):\n%s", diff)
	}
	if fetched.Moved != stored.StoredBytes {
		t.Errorf("%d bytes moved, the objects have %d", fetched.Moved, stored.StoredBytes)
	}
	if !maps.EqualFunc(readDir(t, images), readDir(t, dir), bytes.Equal) {
		t.Error("the restored images differ from the dumped ones")
	}
}

func testDamage(t *testing.T, pool snapshot.Pool) {
	_, stored := store(t, pool, imageDir(t))
	sum := stored.ManifestSHA256
	m, err := snapshot.Verify(t.Context(), pool, fn, id, "", sum)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		key    string
		damage func([]byte) []byte
		cheap  bool // found without reading the pack
	}{
		"a flipped bit in the pack":     {snapshot.PackKey(fn, id), flip, false},
		"a truncated pack":              {snapshot.PackKey(fn, id), func(b []byte) []byte { return b[:len(b)-1] }, true},
		"an empty pack":                 {snapshot.PackKey(fn, id), func([]byte) []byte { return nil }, true},
		"a pack that is too long":       {snapshot.PackKey(fn, id), func(b []byte) []byte { return append(b, 0) }, true},
		"a flipped bit in the manifest": {snapshot.ManifestKey(fn, id), flip, true},
		"a truncated manifest":          {snapshot.ManifestKey(fn, id), func(b []byte) []byte { return b[:len(b)/2] }, true},
	} {
		t.Run(name, func(t *testing.T) {
			good := get(t, pool, tc.key)
			defer put(t, pool, tc.key, good)
			put(t, pool, tc.key, tc.damage(bytes.Clone(good)))
			isCorrupt(t, pool, m, sum, tc.cheap)
		})
	}
	t.Run("the manifest of another snapshot", func(t *testing.T) {
		put(t, pool, snapshot.ManifestKey(fn, "s2"), get(t, pool, snapshot.ManifestKey(fn, id)))
		if _, err := snapshot.Verify(t.Context(), pool, fn, "s2", "", sum); !errors.Is(err, snapshot.ErrCorrupt) {
			t.Errorf("Verify: %v, want ErrCorrupt", err)
		}
	})
	t.Run("a missing pack", func(t *testing.T) {
		if err := pool.Delete(t.Context(), snapshot.PackKey(fn, id)); err != nil {
			t.Fatal(err)
		}
		if _, err := snapshot.Verify(t.Context(), pool, fn, id, "", sum); !errors.Is(err, snapshot.ErrNotExist) {
			t.Errorf("Verify: %v, want ErrNotExist", err)
		}
		if _, err := fetch(t, pool, m, sum, filepath.Join(t.TempDir(), "d")); !errors.Is(err, snapshot.ErrNotExist) {
			t.Errorf("Fetch: %v, want ErrNotExist", err)
		}
	})
}

func isCorrupt(t *testing.T, pool snapshot.Pool, m snapshot.Manifest, sum string, cheap bool) {
	t.Helper()
	if _, err := snapshot.Verify(t.Context(), pool, fn, id, "", sum); cheap != errors.Is(err, snapshot.ErrCorrupt) {
		t.Errorf("Verify: %v, want ErrCorrupt: %v", err, cheap)
	}
	if _, err := snapshot.VerifyData(t.Context(), pool, fn, id, "", sum, nil); !errors.Is(err, snapshot.ErrCorrupt) {
		t.Errorf("VerifyData: %v, want ErrCorrupt", err)
	}
	dir := t.TempDir()
	if _, err := fetch(t, pool, m, sum, dir); !errors.Is(err, snapshot.ErrCorrupt) {
		t.Errorf("Fetch: %v, want ErrCorrupt", err)
	}
	if left := readDir(t, dir); len(left) > 0 {
		t.Errorf("a failed Fetch left %d files", len(left))
	}
}

func flip(b []byte) []byte {
	b[len(b)/2] ^= 1
	return b
}

func testCutUpload(t *testing.T, pool snapshot.Pool) {
	packURL, manifestURL := urls(t, pool, id, http.MethodPut)
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, packURL, io.NopCloser(cutShort(cancel)))
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = 2 * mebi
	if resp, err := http.DefaultClient.Do(req); err == nil {
		_ = resp.Body.Close()
		t.Fatalf("the upload went through: %s", resp.Status)
	}
	if left := keys(t, pool, ""); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	stored, err := snapshot.NewTransfer(nil).Store(ctx, request(t, packURL, manifestURL, imageDir(t)))
	if !errors.Is(err, context.Canceled) || stored.ManifestSHA256 != "" {
		t.Errorf("Store = %+v, %v; want context.Canceled and nothing to register", stored, err)
	}
	if left := keys(t, pool, ""); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

func request(t *testing.T, packURL, manifestURL, images string) snapshot.StoreRequest {
	t.Helper()
	image, err := snapshot.OpenImage(images)
	if err != nil {
		t.Fatal(err)
	}
	return snapshot.StoreRequest{PackURL: packURL, ManifestURL: manifestURL, Image: image, Manifest: manifest()}
}

func store(t *testing.T, pool snapshot.Pool, images string) (snapshot.Manifest, snapshot.Stored) {
	t.Helper()
	packURL, manifestURL := urls(t, pool, id, http.MethodPut)
	req := request(t, packURL, manifestURL, images)
	stored, err := snapshot.NewTransfer(nil).Store(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if stored.Moved != stored.StoredBytes {
		t.Errorf("%d bytes sent, the objects have %d", stored.Moved, stored.StoredBytes)
	}
	return req.Manifest, stored
}

func fetch(t *testing.T, pool snapshot.Pool, m snapshot.Manifest, sum, dir string) (snapshot.Fetched, error) {
	t.Helper()
	req := snapshot.FetchRequest{ManifestSHA256: sum, PackURLs: map[string]string{}, Dir: dir}
	for _, pack := range m.PackIDs() {
		req.PackURLs[pack], _ = urls(t, pool, pack, http.MethodGet)
	}
	_, req.ManifestURL = urls(t, pool, m.ID, http.MethodGet)
	return snapshot.NewTransfer(nil).Fetch(t.Context(), req)
}

// urls returns the URLs that a worker is given: presigned ones, or those of a
// server before the pool, as the agent is one.
func urls(t *testing.T, pool snapshot.Pool, id, method string) (packURL, manifestURL string) {
	t.Helper()
	signer, ok := pool.(snapshot.Presigner)
	if !ok {
		server := httptest.NewServer(front{pool})
		t.Cleanup(server.Close)
		return server.URL + "/" + snapshot.PackKey(fn, id), server.URL + "/" + snapshot.ManifestKey(fn, id)
	}
	presign := signer.PresignGet
	if method == http.MethodPut {
		presign = signer.PresignPut
	}
	packURL, errPack := presign(t.Context(), snapshot.PackKey(fn, id), time.Minute)
	manifestURL, errManifest := presign(t.Context(), snapshot.ManifestKey(fn, id), time.Minute)
	if err := errors.Join(errPack, errManifest); err != nil {
		t.Fatal(err)
	}
	return packURL, manifestURL
}

// front serves a pool's objects to everybody.
type front struct{ pool snapshot.Pool }

func (f front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(r.URL.Path, "/")
	if r.Method == http.MethodPut {
		answer(w, f.pool.Put(r.Context(), key, r.Body, r.ContentLength))
		return
	}
	data, size, err := f.pool.Get(r.Context(), key)
	if err != nil {
		answer(w, err)
		return
	}
	defer data.Close()
	if wanted := r.Header.Get("Range"); wanted != "" {
		f.serveRange(w, r, key, wanted, size)
		return
	}
	w.Header().Set("Content-Length", fmt.Sprint(size))
	_, _ = io.Copy(w, data) // a client that goes away is not ours to report
}

func (f front) serveRange(w http.ResponseWriter, r *http.Request, key, wanted string, size int64) {
	var first, last int64
	if _, err := fmt.Sscanf(wanted, "bytes=%d-%d", &first, &last); err != nil || first >= size {
		http.Error(w, wanted, http.StatusRequestedRangeNotSatisfiable)
		return
	}
	last = min(last, size-1)
	data, err := f.pool.GetRange(r.Context(), key, first, last-first+1)
	if err != nil {
		answer(w, err)
		return
	}
	defer data.Close()
	w.Header().Set("Content-Length", fmt.Sprint(last-first+1))
	w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, size))
	w.WriteHeader(http.StatusPartialContent)
	_, _ = io.Copy(w, data) // see ServeHTTP
}

func answer(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, snapshot.ErrNotExist):
		http.Error(w, err.Error(), http.StatusNotFound)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// imageDir makes a directory that looks like one of CRIU's.
func imageDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, size := range map[string]int{
		"inventory.img": 60, "core-20001.img": 1200, "pages-1.img": 3*mebi + 4096, "pages-2.img": 0, "dump.log": 100, "stats-dump": 40,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), noise(size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// readDir returns the image files of a directory by name.
func readDir(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.img"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(path)] = data
	}
	return files
}

func manifest() snapshot.Manifest {
	return snapshot.Manifest{
		ID: id, Function: fn, Lifetime: "l1", RequestNumber: 3,
		Created: time.Date(2026, 7, 31, 12, 0, 0, 0, time.UTC), Platform: "linux-amd64-6.12.1-cpu1a2b3c4d-x", Runtime: "pypy",
		Process: snapshot.Process{PID: 20001, MaxTID: 20002, TIDs: []int{20001, 20002}, Stdout: "pipe:[1]", Stderr: "pipe:[2]"},
	}
}
