package snapshot_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// store is an object store that can be told to misbehave.
type store struct {
	*httptest.Server
	mu      sync.Mutex
	objects map[string][]byte
	calls   []string
	// fault answers instead of the store as long as it returns true; n counts
	// the calls for this object from 1.
	fault func(w http.ResponseWriter, r *http.Request, n int) bool
}

func newStore(t *testing.T) *store {
	s := &store{objects: map[string][]byte{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := r.Method + " " + r.URL.Path
	s.mu.Lock()
	s.calls = append(s.calls, call)
	n := 0
	for _, c := range s.calls {
		if c == call {
			n++
		}
	}
	s.mu.Unlock()
	if s.fault != nil && s.fault(w, r, n) {
		return
	}
	if r.Method == http.MethodPut {
		s.put(w, r)
		return
	}
	s.mu.Lock()
	data, ok := s.objects[r.URL.Path]
	s.mu.Unlock()
	if !ok {
		http.Error(w, "NoSuchKey", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(data)))
	_, _ = w.Write(data)
}

func (s *store) put(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away
	}
	if r.ContentLength != int64(len(data)) {
		http.Error(w, "MissingContentLength", http.StatusLengthRequired)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[r.URL.Path] = data
}

func (s *store) store(ctx context.Context, dir string) (sha string, bytes int64, err error) {
	return snapshot.NewTransfer(nil).Store(ctx, s.URL+"/pack?sig=secret", s.URL+"/manifest?sig=secret", dir, manifest(snapshot.Pack{}))
}

func (s *store) fetch(ctx context.Context, sha, dir string) (snapshot.Manifest, int64, error) {
	return snapshot.NewTransfer(nil).Fetch(ctx, s.URL+"/manifest?sig=secret", sha, s.URL+"/pack?sig=secret", dir)
}

func stored(t *testing.T) (*store, string) {
	t.Helper()
	s := newStore(t)
	sha, _, err := s.store(t.Context(), writeDir(t, images()))
	if err != nil {
		t.Fatal(err)
	}
	return s, sha
}

func TestASnapshotSurvivesTheTransfer(t *testing.T) {
	s := newStore(t)
	sha, sent, err := s.store(t.Context(), writeDir(t, images()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"PUT /pack", "PUT /manifest"}, s.calls); diff != "" {
		t.Errorf("calls, the manifest is to be last (-want +got):\n%s", diff)
	}
	dir := t.TempDir()
	m, received, err := s.fetch(t.Context(), sha, dir)
	if err != nil {
		t.Fatal(err)
	}
	sameFiles(t, readDir(t, dir), images())
	_, p := packed(t, images())
	if diff := cmp.Diff(manifest(p), m); diff != "" {
		t.Errorf("manifest (-want +got):\n%s", diff)
	}
	objects := int64(len(s.objects["/pack"]) + len(s.objects["/manifest"]))
	if sent != objects || received != objects {
		t.Errorf("sent %d and received %d bytes, the objects have %d", sent, received, objects)
	}
}

func TestWhatMayPassIsTriedAgain(t *testing.T) {
	busy := func(w http.ResponseWriter, _ *http.Request, n int) bool {
		if n <= 2 {
			http.Error(w, "SlowDown", http.StatusServiceUnavailable)
		}
		return n <= 2
	}
	hangUp := func(w http.ResponseWriter, r *http.Request, n int) bool {
		if n > 1 {
			return false
		}
		_, _ = io.CopyN(io.Discard, r.Body, 1000)
		panic(http.ErrAbortHandler)
	}
	halfWay := func(w http.ResponseWriter, r *http.Request, n int) bool {
		if n > 1 || r.Method != http.MethodGet {
			return false
		}
		w.Header().Set("Content-Length", "2457613") // what the pack has
		_, _ = w.Write([]byte("core"))
		panic(http.ErrAbortHandler)
	}
	for name, fault := range map[string]func(http.ResponseWriter, *http.Request, int) bool{
		"a busy server":                busy,
		"a connection that is cut":     hangUp,
		"an answer that ends half-way": halfWay,
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			s.fault = fault
			sha, _, err := s.store(t.Context(), writeDir(t, images()))
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			if _, _, err := s.fetch(t.Context(), sha, dir); err != nil {
				t.Fatal(err)
			}
			sameFiles(t, readDir(t, dir), images())
		})
	}
}

func TestWhatWillNotPassIsNotTriedAgain(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		want   error
	}{
		"denied": {http.StatusForbidden, nil},
		"gone":   {http.StatusNotFound, snapshot.ErrNotExist},
	} {
		t.Run(name, func(t *testing.T) {
			s, sha := stored(t)
			s.calls = nil
			s.fault = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
				http.Error(w, "because "+strings.Repeat("x", 5000), tc.status)
				return true
			}
			_, _, errFetch := s.fetch(t.Context(), sha, t.TempDir())
			_, _, errStore := s.store(t.Context(), writeDir(t, images()))
			for _, err := range []error{errFetch, errStore} {
				refusal(t, err, tc.status)
				if tc.want != nil && !errors.Is(err, tc.want) {
					t.Errorf("error %v, want %v", err, tc.want)
				}
			}
			if diff := cmp.Diff([]string{"GET /manifest", "PUT /pack"}, s.calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

// refusal wants an error with the status and an excerpt of the answer, and
// without the signature of the URL.
func refusal(t *testing.T, err error, status int) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	text := err.Error()
	if !strings.Contains(text, fmt.Sprint(status)) || !strings.Contains(text, "because") || len(text) > 1000 {
		t.Errorf("error %q, want the status %d and an excerpt of the answer", text, status)
	}
	if strings.Contains(text, "secret") {
		t.Errorf("error %q shows the URL's signature", text)
	}
}

func TestAServerThatStaysDownIsAnError(t *testing.T) {
	s, sha := stored(t)
	t.Run("always busy", func(t *testing.T) {
		s.fault = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
			http.Error(w, "because", http.StatusServiceUnavailable)
			return true
		}
		_, _, err := s.fetch(t.Context(), sha, t.TempDir())
		refusal(t, err, http.StatusServiceUnavailable)
	})
	t.Run("not there", func(t *testing.T) {
		s.Close()
		_, _, err := s.fetch(t.Context(), sha, t.TempDir())
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("error %v, want one without the URL's signature", err)
		}
	})
}

func TestGarbageIsCorruptAndNotTriedAgain(t *testing.T) {
	for name, tc := range map[string]struct {
		object string
		damage func([]byte) []byte
	}{
		"a page of a proxy as manifest": {"/manifest", func([]byte) []byte { return []byte("<html>welcome</html>") }},
		"an endless manifest":           {"/manifest", func([]byte) []byte { return make([]byte, 5<<20) }},
		"a page of a proxy as pack":     {"/pack", func([]byte) []byte { return []byte("<html>welcome</html>") }},
		"a truncated pack":              {"/pack", func(b []byte) []byte { return b[:len(b)-1] }},
		"another pack":                  {"/pack", func(b []byte) []byte { return make([]byte, len(b)) }},
	} {
		t.Run(name, func(t *testing.T) {
			s, sha := stored(t)
			s.objects[tc.object] = tc.damage(s.objects[tc.object])
			s.calls = nil
			dir := t.TempDir()
			if _, _, err := s.fetch(t.Context(), sha, dir); !errors.Is(err, snapshot.ErrCorrupt) {
				t.Errorf("error %v, want ErrCorrupt", err)
			}
			sameFiles(t, readDir(t, dir), nil)
			if len(s.calls) > 2 {
				t.Errorf("calls: %q, want each object asked for once", s.calls)
			}
		})
	}
}

func TestAnErrorOfThisSideIsNotTriedAgain(t *testing.T) {
	s := newStore(t)
	dir := writeDir(t, images())
	s.fault = func(_ http.ResponseWriter, r *http.Request, _ int) bool {
		// the first bytes are here, so the sizes are settled
		_, _ = io.ReadFull(r.Body, make([]byte, 1))
		if err := os.Truncate(filepath.Join(dir, "pages-1.img"), 1); err != nil {
			t.Error(err)
		}
		return false
	}
	sha, _, err := s.store(t.Context(), growing(t, dir))
	if err == nil || !strings.Contains(err.Error(), "changed while") || sha != "" {
		t.Errorf("Store = %q, %v; want that the file changed", sha, err)
	}
	if len(s.calls) > 1 || len(s.objects) > 0 {
		t.Errorf("calls %q left %d objects, want one call and none", s.calls, len(s.objects))
	}
}

// growing makes the pages too large to fit into the buffers on the way.
func growing(t *testing.T, dir string) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "pages-1.img"), bytes.Repeat([]byte("page"), 8<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestATransferEndsWithItsContext(t *testing.T) {
	s, sha := stored(t)
	s.fault = func(_ http.ResponseWriter, r *http.Request, _ int) bool { <-r.Context().Done(); return true }
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := s.fetch(ctx, sha, t.TempDir()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Fetch: %v, want context.DeadlineExceeded", err)
	}
	if _, _, err := s.store(ctx, writeDir(t, images())); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Store: %v, want context.DeadlineExceeded", err)
	}
}

func TestAnInvalidManifestIsNotStored(t *testing.T) {
	s := newStore(t)
	m := manifest(snapshot.Pack{})
	m.RequestNumber = -1
	_, _, err := snapshot.NewTransfer(nil).Store(t.Context(), s.URL+"/pack", s.URL+"/manifest", writeDir(t, images()), m)
	if err == nil || s.objects["/manifest"] != nil {
		t.Errorf("error %v, manifest %s: want an error and none", err, s.objects["/manifest"])
	}
}
