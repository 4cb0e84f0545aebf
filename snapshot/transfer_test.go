package snapshot_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

func TestASnapshotSurvivesTheTransfer(t *testing.T) {
	s := newServer(t)
	done, err := s.store(t.Context(), s.storeRequest("s1", openImage(t, images())))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"PUT " + packPath("s1"), "PUT " + manifestPath("s1")}, s.calls); diff != "" {
		t.Errorf("calls, the manifest is to be last (-want +got):\n%s", diff)
	}
	dir := filepath.Join(t.TempDir(), "made", "by", "it")
	got, err := s.fetch(t.Context(), "s1", done.ManifestSHA256, dir)
	if err != nil {
		t.Fatal(err)
	}
	sameFiles(t, readDir(t, dir), images())
	if diff := cmp.Diff(s.manifest(t, "s1"), got.Manifest); diff != "" {
		t.Errorf("manifest (-want +got):\n%s", diff)
	}
	objects := int64(len(s.objects[packPath("s1")]) + len(s.objects[manifestPath("s1")]))
	if done.StoredBytes != objects || done.Moved != objects || got.Moved != objects {
		t.Errorf("sent %d and received %d bytes of %d, the objects have %d", done.Moved, got.Moved, done.StoredBytes, objects)
	}
	info, err := os.Stat(filepath.Join(dir, "core-7.img"))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v: want 0600, these are secrets", info.Mode(), err)
	}
}

func TestEveryPageIsAccountedFor(t *testing.T) {
	s, sha := stored(t)
	base := s.base(t, "s1", sha)
	changed := images()
	copy(changed["pages-1.img"][100*snapshot.PageSize:], textPages(10, 2))
	req := s.storeRequest("s2", openImage(t, changed))
	req.Base, req.Share = base, base.Packs()
	got, err := s.store(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if got.Pages != 200 || got.Zero != 20 || got.New != 10 || got.Shared != 170 || got.Repeated != 0 {
		t.Errorf("%+v: want 200 pages, of which 20 zero, 10 new, 170 shared", got)
	}
	first, err := s.store(t.Context(), s.storeRequest("s3", openImage(t, images())))
	if err != nil {
		t.Fatal(err)
	}
	if first.New != 179 || first.Repeated != 1 || first.Shared != 0 {
		t.Errorf("%+v: want 179 new and one that occurs twice", first)
	}
	if got.StoredBytes*2 > first.StoredBytes {
		t.Errorf("%d bytes stored of a snapshot that shares most, %d of one that shares nothing", got.StoredBytes, first.StoredBytes)
	}
	sameFiles(t, s.mustFetch(t, "s2", got.ManifestSHA256), changed)
}

func TestOnlyWhatMayBeSharedIsShared(t *testing.T) {
	s, sha := stored(t)
	base := s.base(t, "s1", sha)
	for name, tc := range map[string]struct {
		change func(*snapshot.StoreRequest)
		shares bool
	}{
		"all that is needed":   {func(*snapshot.StoreRequest) {}, true},
		"no base":              {func(r *snapshot.StoreRequest) { r.Base = nil }, false},
		"nothing granted":      {func(r *snapshot.StoreRequest) { r.Share = nil }, false},
		"another pack granted": {func(r *snapshot.StoreRequest) { r.Share = []string{"s9"} }, false},
		"another function":     {func(r *snapshot.StoreRequest) { r.Manifest.Function = "other" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			req := s.storeRequest("s2", openImage(t, images()))
			req.Base, req.Share = base, base.Packs()
			tc.change(&req)
			got, err := s.store(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			m := s.manifest(t, "s2")
			if shares := got.Shared > 0; shares != tc.shares || shares != (len(m.Packs) == 2) {
				t.Errorf("%d pages shared, packs %q, want it shared: %v", got.Shared, m.PackIDs(), tc.shares)
			}
		})
	}
}

// cutAfter answers with the first n bytes of what the server would have.
func cutAfter(n int64) func(http.ResponseWriter, *http.Request, int) bool {
	return func(w http.ResponseWriter, r *http.Request, try int) bool {
		if r.Method != http.MethodGet || try > 1 || !strings.HasSuffix(r.URL.Path, ".pack") {
			return false
		}
		var first, last int64
		_, _ = fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &first, &last)
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/*", first, last))
		w.Header().Set("Content-Length", fmt.Sprint(last-first+1))
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(make([]byte, min(n, last-first)))
		panic(http.ErrAbortHandler)
	}
}

func TestWhatMayPassIsTriedAgain(t *testing.T) {
	busy := func(w http.ResponseWriter, _ *http.Request, n int) bool {
		if n <= 2 {
			http.Error(w, "SlowDown", http.StatusServiceUnavailable)
		}
		return n <= 2
	}
	hangUp := func(_ http.ResponseWriter, r *http.Request, n int) bool {
		if n > 1 {
			return false
		}
		_, _ = io.CopyN(io.Discard, r.Body, 1000)
		panic(http.ErrAbortHandler)
	}
	for name, fault := range map[string]func(http.ResponseWriter, *http.Request, int) bool{
		"a busy server":                busy,
		"a connection that is cut":     hangUp,
		"an answer that ends half-way": cutAfter(10),
		"an answer without a body":     cutAfter(0),
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.setFault(fault)
			done, err := s.store(t.Context(), s.storeRequest("s1", openImage(t, images())))
			if err != nil {
				t.Fatal(err)
			}
			sameFiles(t, s.mustFetch(t, "s1", done.ManifestSHA256), images())
		})
	}
}

func TestOnlyMissingFramesAreAskedForAgain(t *testing.T) {
	s, sha := stored(t)
	pack := s.objects[packPath("s1")]
	m := s.manifest(t, "s1")
	second := m.Packs[0].Frames[0]
	var ranges []string
	s.setFault(func(w http.ResponseWriter, r *http.Request, n int) bool {
		if !strings.HasSuffix(r.URL.Path, ".pack") {
			return false
		}
		ranges = append(ranges, r.Header.Get("Range"))
		if n > 1 {
			return false
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(pack)-1, len(pack)))
		w.Header().Set("Content-Length", fmt.Sprint(len(pack)))
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(pack[:second.Offset+second.Bytes+1]) // a byte of the third
		panic(http.ErrAbortHandler)
	})
	sameFiles(t, s.mustFetch(t, "s1", sha), images())
	want := []string{fmt.Sprintf("bytes=0-%d", len(pack)-1), fmt.Sprintf("bytes=%d-%d", second.Offset+second.Bytes, len(pack)-1)}
	if diff := cmp.Diff(want, ranges); diff != "" {
		t.Errorf("ranges (-want +got):\n%s", diff)
	}
}

func TestAServerWithoutRangesWillDo(t *testing.T) {
	s, m := child(t)
	raw, sha := encode(t, m)
	s.setObject(manifestPath("s2"), raw)
	want := s.mustFetch(t, "s2", sha)
	s.setFault(func(_ http.ResponseWriter, r *http.Request, _ int) bool { r.Header.Del("Range"); return false })
	sameFiles(t, s.mustFetch(t, "s2", sha), want)
}

func TestWhatWillNotPassIsNotTriedAgain(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		want   error
	}{
		"denied": {http.StatusForbidden, nil},
		"gone":   {http.StatusNotFound, snapshot.ErrNotExist},
	} {
		for object, path := range map[string]string{"manifest": manifestPath("s1"), "pack": packPath("s1")} {
			t.Run(name+", the "+object, func(t *testing.T) {
				s, sha := stored(t)
				s.setFault(func(w http.ResponseWriter, r *http.Request, _ int) bool {
					if r.URL.Path == path {
						http.Error(w, "because "+strings.Repeat("x", 5000), tc.status)
					}
					return r.URL.Path == path
				})
				dir := t.TempDir()
				_, errFetch := s.fetch(t.Context(), "s1", sha, dir)
				_, errStore := s.store(t.Context(), s.storeRequest("s1", openImage(t, images())))
				for _, err := range []error{errFetch, errStore} {
					refusal(t, err, tc.status)
					if tc.want != nil && !errors.Is(err, tc.want) {
						t.Errorf("error %v, want %v", err, tc.want)
					}
				}
				sameFiles(t, readDir(t, dir), nil)
				if gets, puts := s.called("GET "+path), s.called("PUT "+path); gets != 1 || puts != 1 {
					t.Errorf("%d GET, %d PUT, want one of each", gets, puts)
				}
			})
		}
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
		s.setFault(func(w http.ResponseWriter, r *http.Request, _ int) bool {
			if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, ".pack") {
				http.Error(w, "because", http.StatusServiceUnavailable)
				return true
			}
			return false
		})
		_, err := s.fetch(t.Context(), "s1", sha, t.TempDir())
		refusal(t, err, http.StatusServiceUnavailable)
	})
	t.Run("not there", func(t *testing.T) {
		s.Close()
		_, err := s.fetch(t.Context(), "s1", sha, t.TempDir())
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("error %v, want one without the URL's signature", err)
		}
	})
}

func TestGarbageIsCorruptAndNotTriedAgain(t *testing.T) {
	welcome := func([]byte) []byte { return []byte("<html>welcome</html>") }
	for name, tc := range map[string]struct {
		object string
		damage func([]byte) []byte
	}{
		"a page of a proxy as manifest": {manifestPath("s1"), welcome},
		"an endless manifest":           {manifestPath("s1"), func([]byte) []byte { return make([]byte, 5<<20) }},
		"a page of a proxy as pack":     {packPath("s1"), welcome},
		"a truncated pack":              {packPath("s1"), func(b []byte) []byte { return b[:len(b)-1] }},
		"an empty pack":                 {packPath("s1"), func([]byte) []byte { return nil }},
		"a longer pack":                 {packPath("s1"), func(b []byte) []byte { return append(b, 0) }},
		"another pack":                  {packPath("s1"), func(b []byte) []byte { return make([]byte, len(b)) }},
	} {
		t.Run(name, func(t *testing.T) {
			s, sha := stored(t)
			s.objects[tc.object] = tc.damage(s.objects[tc.object])
			s.setFault(nil)
			isCorrupt(t, s, "s1", sha)
			if s.called("GET "+manifestPath("s1")) > 1 || s.called("GET "+packPath("s1")) > 1 {
				t.Errorf("calls: %q, want each object asked for once", s.calls)
			}
		})
	}
}

// isCorrupt wants a fetch to fail with ErrCorrupt and to leave nothing.
func isCorrupt(t *testing.T, s *server, id, sha string) {
	t.Helper()
	dir := t.TempDir()
	if _, err := s.fetch(t.Context(), id, sha, dir); !errors.Is(err, snapshot.ErrCorrupt) {
		t.Errorf("error %v, want ErrCorrupt", err)
	}
	sameFiles(t, readDir(t, dir), nil)
}

func TestAFlippedBitIsFoundEverywhere(t *testing.T) {
	s, m := child(t)
	raw, sha := encode(t, m)
	s.setObject(manifestPath("s2"), raw)
	damaged := func(path string, at int64) {
		good, _ := s.object(path)
		bad := bytes.Clone(good)
		bad[at] ^= 0x10
		s.setObject(path, bad)
		isCorrupt(t, s, "s2", sha)
		s.setObject(path, good)
	}
	for at := int64(0); at < int64(len(raw)); at += 97 {
		damaged(manifestPath("s2"), at)
	}
	for i, p := range m.Packs {
		frames := p.Frames
		if i == 0 {
			frames = append(frames, m.Meta...)
		}
		for _, f := range frames {
			for _, at := range []int64{f.Offset, f.Offset + f.Bytes/2, f.Offset + f.Bytes - 1} {
				damaged(packPath(p.ID), at)
			}
		}
	}
}

func TestFetchLeavesOtherFilesAlone(t *testing.T) {
	s, sha := stored(t)
	there := files{"inventory.img": []byte("somebody's")}
	dir := writeDir(t, there)
	if _, err := s.fetch(t.Context(), "s1", sha, dir); !errors.Is(err, os.ErrExist) {
		t.Errorf("error %v, want that the file exists", err)
	}
	sameFiles(t, readDir(t, dir), there)
}

func TestAPackWithoutAURLIsNamed(t *testing.T) {
	s, sha := stored(t)
	dir := t.TempDir()
	req := s.fetchRequest("s1", sha, dir)
	req.PackURLs = nil
	if _, err := snapshot.NewTransfer(nil).Fetch(t.Context(), req); err == nil || !strings.Contains(err.Error(), "pack s1: there is no URL") {
		t.Errorf("error %v, want that pack s1 has no URL", err)
	}
	sameFiles(t, readDir(t, dir), nil)
}

func TestATransferEndsWithItsContext(t *testing.T) {
	s, sha := stored(t)
	hang := func(_ http.ResponseWriter, r *http.Request, _ int) bool {
		_, _ = io.Copy(io.Discard, r.Body) // before that the server does not notice that the client has gone
		<-r.Context().Done()
		return true
	}
	dripping := func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if !strings.HasSuffix(r.URL.Path, ".pack") || r.Method != http.MethodGet {
			return false
		}
		pack := s.objects[packPath("s1")]
		size := len(pack)
		w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", size-1, size))
		w.Header().Set("Content-Length", fmt.Sprint(size))
		w.WriteHeader(http.StatusPartialContent)
		for ; r.Context().Err() == nil; pack = pack[1:] {
			_, _ = w.Write(pack[:1])
			_ = http.NewResponseController(w).Flush()
			time.Sleep(time.Millisecond)
		}
		return true
	}
	for name, fault := range map[string]func(http.ResponseWriter, *http.Request, int) bool{"a server that hangs": hang, "a server that drips": dripping} {
		t.Run(name, func(t *testing.T) {
			s.setFault(fault)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			dir := t.TempDir()
			if _, err := s.fetch(ctx, "s1", sha, dir); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Fetch: %v, want context.DeadlineExceeded", err)
			}
			sameFiles(t, readDir(t, dir), nil)
		})
	}
	s.setFault(hang)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.store(ctx, s.storeRequest("s1", openImage(t, images()))); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Store: %v, want context.DeadlineExceeded", err)
	}
}

func TestAnImageThatCannotBeDescribedIsNotStored(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*snapshot.StoreRequest)
		says   string
	}{
		"a negative request": {func(r *snapshot.StoreRequest) { r.Manifest.RequestNumber = -1 }, "request_number"},
		"no image":           {func(r *snapshot.StoreRequest) { r.Image = nil }, "no image"},
		"half a page":        {func(r *snapshot.StoreRequest) { r.Image.Pages[0].Bytes-- }, "multiple"},
		"files not sorted":   {func(r *snapshot.StoreRequest) { r.Image.Files[0].Name = "z" }, "sorted"},
		"a strange name":     {func(r *snapshot.StoreRequest) { r.Image.Files[0].Name = "a b" }, "a b"},
		"more pages than it has": {func(r *snapshot.StoreRequest) {
			r.Image.Pages[0].Bytes += snapshot.PageSize
		}, "not what it was"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			req := s.storeRequest("s1", openImage(t, images()))
			tc.change(&req)
			got, err := s.store(t.Context(), req)
			if err == nil || !strings.Contains(err.Error(), tc.says) || got.ManifestSHA256 != "" {
				t.Errorf("%+v, %v: want an error that says %q", got, err, tc.says)
			}
			if len(s.calls) > 0 {
				t.Errorf("calls %q, want none", s.calls)
			}
		})
	}
}

func TestStoreClosesTheImage(t *testing.T) {
	for name, id := range map[string]string{"when it is packed": "s1", "when it fails": "../x"} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			image := openImage(t, images())
			closed := 0
			release := image.Release
			image.Release = func() error { closed++; return release() }
			req := s.storeRequest("s1", image)
			req.Manifest.ID = id
			_, _ = s.store(t.Context(), req)
			if err := image.Close(); err != nil || closed != 1 {
				t.Errorf("released %d times, %v; want once", closed, err)
			}
		})
	}
}

// leftOut takes the run of zeros out of images(), as a dump's image does.
func leftOut(t *testing.T, img *snapshot.Image) func(zero [][]bool) ([][]bool, error) {
	return func(zero [][]bool) ([][]bool, error) {
		kept := make([][]bool, len(zero))
		for i, file := range zero {
			for page, z := range file {
				kept[i] = append(kept[i], !z)
				if want := i == 0 && page >= 20 && page < 40; z != want {
					t.Errorf("page %d of file %d is zeros: %t, want %t", page, i, z, want)
				}
			}
		}
		pages := images()["pages-1.img"]
		pages = slices.Delete(pages, 20*snapshot.PageSize, 40*snapshot.PageSize)
		img.Pages[0].Bytes, img.Pages[0].Reader = int64(len(pages)), bytes.NewReader(pages)
		img.Files[0].Data = []byte("core without zeros")
		return kept, nil
	}
}

func TestZerosThatTheImageDoesWithoutAreNotStored(t *testing.T) {
	s := newServer(t)
	img := openImage(t, images())
	img.LeaveOutZeros = leftOut(t, img)
	done, err := s.store(t.Context(), s.storeRequest("s1", img))
	if err != nil {
		t.Fatal(err)
	}
	if done.Pages != 180 || done.Zero != 0 || done.New+done.Repeated != 180 {
		t.Errorf("got %d pages, %d of zeros, %d new, %d repeated: want 180 without zeros", done.Pages, done.Zero, done.New, done.Repeated)
	}
	want := images()
	want["pages-1.img"] = slices.Delete(want["pages-1.img"], 20*snapshot.PageSize, 40*snapshot.PageSize)
	want["core-7.img"] = []byte("core without zeros")
	sameFiles(t, s.mustFetch(t, "s1", done.ManifestSHA256), want)
}

func TestStoreFailsIfZerosCannotBeLeftOut(t *testing.T) {
	s := newServer(t)
	img := openImage(t, images())
	broken := errors.New("broken")
	img.LeaveOutZeros = func([][]bool) ([][]bool, error) { return nil, broken }
	if _, err := s.store(t.Context(), s.storeRequest("s1", img)); !errors.Is(err, broken) || len(s.calls) > 0 {
		t.Errorf("got %v after %v, want %v and no call", err, s.calls, broken)
	}
}
