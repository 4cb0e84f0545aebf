package snapshot_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/background"
	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/snapshot/userfault"
)

// region is a part of pages-1.img, by pages.
func region(from, to int64) userfault.Region {
	return userfault.Region{
		Start: uint64(from) * snapshot.PageSize, End: uint64(to) * snapshot.PageSize, File: "pages-1.img", Offset: from * snapshot.PageSize,
	}
}

func laterIs(m ...userfault.Missing) snapshot.Later {
	return func(string) ([]userfault.Missing, error) { return m, nil }
}

// fetchLater fetches "s1" of a server; regions may come later.
func fetchLater(t *testing.T, s *server, sha string, change ...func(*snapshot.FetchRequest)) (snapshot.Fetched, error) {
	t.Helper()
	req := s.fetchRequest("s1", sha, t.TempDir())
	req.Later = laterIs(userfault.Missing{PID: 7, Regions: []userfault.Region{region(100, 200)}})
	for _, f := range change {
		f(&req)
	}
	got, err := snapshot.NewTransfer(nil).Fetch(t.Context(), req)
	t.Cleanup(got.Pages.Close)
	return got, err
}

func pagesIn(t *testing.T, dir string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "pages-1.img"))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

const page = snapshot.PageSize

func TestOnlyNeededFramesAreUnpackedAtOnce(t *testing.T) {
	s, sha := stored(t)
	want := images()["pages-1.img"]
	all := []userfault.Region{region(0, 200)}
	for claim, c := range map[string]struct {
		missing     userfault.Missing
		first, last bool // whether the pages 0 and 199 are in the file
		atHand      bool // whether the last is there, in the file or not
	}{
		"all may come later":             {userfault.Missing{PID: 7, Regions: all}, false, false, false},
		"the first is needed":            {userfault.Missing{PID: 7, Regions: []userfault.Region{region(1, 200)}}, true, false, false},
		"the last is needed soon":        {userfault.Missing{PID: 7, Regions: all, Soon: []userfault.Region{region(199, 200)}}, false, false, true},
		"both are":                       {userfault.Missing{PID: 7, Regions: []userfault.Region{region(1, 199)}}, true, true, true},
		"none may come later":            {userfault.Missing{}, true, true, true},
		"of another file, which is none": {userfault.Missing{PID: 7, Regions: []userfault.Region{{Start: 0, End: page, File: "pages-9.img"}}}, true, true, true},
	} {
		t.Run(claim, func(t *testing.T) {
			got, err := fetchLater(t, s, sha, func(r *snapshot.FetchRequest) { r.Later = laterIs(c.missing) })
			if err != nil {
				t.Fatal(err)
			}
			if err := got.Arrived(t.Context()); err != nil {
				t.Fatal(err)
			}
			here := pagesIn(t, got.Dir)
			if first := bytes.Equal(here[:page], want[:page]); first != c.first {
				t.Errorf("the first page is there: %t, want %t", first, c.first)
			}
			if last := bytes.Equal(here[199*page:], want[199*page:]); last != c.last {
				t.Errorf("the last page is there: %t, want %t", last, c.last)
			}
			if atHand := got.Pages.AtHand("pages-1.img", 199*page, page); atHand != c.atHand {
				t.Errorf("the last page is at hand: %t, want %t", atHand, c.atHand)
			}
			for _, p := range []int64{0, 5, 25, 199} {
				b, err := got.Pages.Bytes("pages-1.img", p*page, page)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(b, want[p*page:(p+1)*page]) {
					t.Errorf("page %d is not what was stored", p)
				}
			}
			if err := got.Complete(t.Context()); err != nil {
				t.Fatal(err)
			}
			sameFiles(t, readDir(t, got.Dir), images())
		})
	}
}

// TestOnlyPagesThatAreReadThereAreInTheFiles: with others of their frames the kernel
// would have to make memory for them, too.
func TestOnlyPagesThatAreReadThereAreInTheFiles(t *testing.T) {
	s, sha := stored(t)
	want := images()["pages-1.img"]
	got, err := fetchLater(t, s, sha, func(r *snapshot.FetchRequest) {
		r.Later = laterIs(userfault.Missing{PID: 7, Regions: []userfault.Region{region(0, 3), region(4, 200)}})
	})
	if err != nil {
		t.Fatal(err)
	}
	here := pagesIn(t, got.Dir)
	if len(here) != len(want) || !bytes.Equal(here[3*page:4*page], want[3*page:4*page]) {
		t.Errorf("the file has %d bytes, want %d, or page 3 is not what was stored", len(here), len(want))
	}
	clear(here[3*page : 4*page])
	if !bytes.Equal(here, make([]byte, len(want))) {
		t.Error("the file has pages that nobody reads there")
	}
}

func TestRegionsAreSortedByFrames(t *testing.T) {
	s, sha := stored(t)
	all := []userfault.Region{region(0, 200)}
	got, err := fetchLater(t, s, sha, func(r *snapshot.FetchRequest) {
		r.Later = laterIs(userfault.Missing{PID: 7, Regions: all, Soon: all})
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := got.Arrived(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The second frame begins at page 149, as pages 20 to 39 are zeros, and page 9 is the same as page 5.
	sorted := got.Pages.Sort([]userfault.Region{region(140, 160), region(0, 10), region(300, 301)})
	var pages []int64
	for _, r := range sorted {
		pages = append(pages, r.Offset/page, r.Offset/page+int64(r.End-r.Start)/page)
	}
	if want := []int64{140, 149, 0, 9, 9, 10, 300, 301, 149, 160}; !slices.Equal(pages, want) {
		t.Errorf("pages %v, want %v", pages, want)
	}
}

func TestImageIsNotKeptBeforeItIsComplete(t *testing.T) {
	s, sha := stored(t)
	cache, err := snapshot.NewCache(t.TempDir(), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	got, err := fetchLater(t, s, sha, func(r *snapshot.FetchRequest) {
		r.Cache = cache
		r.Later = laterIs(userfault.Missing{PID: 7, Regions: []userfault.Region{region(0, 200)}})
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := cache.Keep(t.Context(), got); err != nil {
		t.Fatal(err)
	}
	if !cache.Wants(got) {
		t.Fatal("an image was kept of which half was missing")
	}
	if err := got.Complete(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := cache.Keep(t.Context(), got); err != nil {
		t.Fatal(err)
	}
	again, err := fetchLater(t, s, sha, func(r *snapshot.FetchRequest) { r.Cache = cache })
	if err != nil {
		t.Fatal(err)
	}
	if !again.Kept {
		t.Error("the image was not kept when it was complete")
	}
	b, err := again.Pages.Bytes("pages-1.img", 150*page, page)
	if err != nil || !bytes.Equal(b, images()["pages-1.img"][150*page:151*page]) {
		t.Errorf("page 150 of the kept image is not what was stored: %v", err)
	}
}

func TestAStartDoesNotHoldUpWhatItWaitsFor(t *testing.T) {
	s, sha := stored(t)
	cache, err := snapshot.NewCache(t.TempDir(), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	cached := func(r *snapshot.FetchRequest) { r.Cache = cache }
	for _, start := range []string{"first", "second"} { // which waits for the packs that the first one puts into the cache
		release := background.Hold()
		began := time.Now()
		got, err := fetchLater(t, s, sha, cached)
		if err == nil {
			err = got.Arrived(t.Context())
		}
		if took := time.Since(began); err != nil || took > 500*time.Millisecond {
			t.Errorf("the %s start took %v: %v", start, took, err)
		}
		release()
	}
}

// frameRequest reports whether r is for frames, and not for the manifest.
func frameRequest(r *http.Request) bool { return r.URL.Path == packPath("s1") }

func TestFailedFetchTellsWhoWaits(t *testing.T) {
	s, sha := stored(t)
	raw, _ := s.object(packPath("s1"))
	for claim, damage := range map[string]func(){
		"a bit has flipped in what may come later": func() {
			flipped := bytes.Clone(raw)
			flipped[len(flipped)-10] ^= 1
			s.setObject(packPath("s1"), flipped)
		},
		"the pack is cut off": func() { s.setObject(packPath("s1"), raw[:len(raw)-10]) },
	} {
		t.Run(claim, func(t *testing.T) {
			damage()
			defer s.setObject(packPath("s1"), raw)
			got, err := fetchLater(t, s, sha)
			if err == nil {
				err = got.Arrived(t.Context())
				if _, errBytes := got.Pages.Bytes("pages-1.img", 199*page, page); errBytes == nil {
					t.Error("a damaged page could be read")
				}
				if errComplete := got.Complete(t.Context()); errComplete == nil {
					t.Error("a damaged image could be completed")
				}
			}
			if !errors.Is(err, snapshot.ErrCorrupt) {
				t.Errorf("got %v, want %v", err, snapshot.ErrCorrupt)
			}
		})
	}
}

func TestWhatMayComeLaterMayNotBeFoundOut(t *testing.T) {
	s, sha := stored(t)
	why := errors.New("no such list")
	req := s.fetchRequest("s1", sha, filepath.Join(t.TempDir(), "image"))
	req.Later = func(string) ([]userfault.Missing, error) { return nil, why }
	if _, err := snapshot.NewTransfer(nil).Fetch(t.Context(), req); !errors.Is(err, why) || !errors.Is(err, snapshot.ErrCorrupt) {
		t.Errorf("got %v, want %v and %v", err, why, snapshot.ErrCorrupt)
	}
	if left, _ := os.ReadDir(req.Dir); len(left) > 0 {
		t.Errorf("%d files are left", len(left))
	}
}

func TestFilesAreThereBeforeWhatMayComeLaterIsAsked(t *testing.T) {
	s, sha := stored(t)
	var asked atomic.Bool
	_, err := fetchLater(t, s, sha, func(r *snapshot.FetchRequest) {
		r.Later = func(dir string) ([]userfault.Missing, error) {
			asked.Store(true)
			got := readDir(t, dir)
			for _, name := range []string{"core-7.img", "inventory.img", "empty.img"} {
				if !bytes.Equal(got[name], images()[name]) {
					t.Errorf("%s is %q, want %q", name, got[name], images()[name])
				}
			}
			return nil, nil
		}
	})
	if err != nil || !asked.Load() {
		t.Errorf("asked: %t, error: %v", asked.Load(), err)
	}
}

func TestPagesThatAreNotUsedAnyMoreEndTheFetch(t *testing.T) {
	s, sha := stored(t)
	waiting, release := make(chan struct{}, 100), make(chan struct{})
	defer close(release)
	manifest := s.manifest(t, "s1")
	second := manifest.Packs[0].Frames[1].Offset
	s.setFault(func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if !frameRequest(r) {
			return false
		}
		raw, _ := s.object(packPath("s1"))
		w.Header().Set("Content-Range", "bytes 0-"+strconv.Itoa(len(raw)-1)+"/"+strconv.Itoa(len(raw)))
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(raw[:second])
		w.(http.Flusher).Flush()
		waiting <- struct{}{}
		select { // the rest does not come
		case <-release:
		case <-r.Context().Done():
		}
		return true
	})
	got, err := fetchLater(t, s, sha, func(r *snapshot.FetchRequest) {
		r.Later = laterIs(userfault.Missing{PID: 7, Regions: []userfault.Region{region(0, 200)}})
	})
	if err != nil {
		t.Fatal(err)
	}
	<-waiting
	bounded, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := got.Arrived(bounded); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("all has arrived: %v", err)
	}
	closed := make(chan struct{})
	go func() {
		got.Pages.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Error("the fetch does not end")
	}
}

func TestFilesWithoutPagesAreToldOfBeforeTheRest(t *testing.T) {
	s, sha := stored(t)
	node := cache(t, t.TempDir(), 1<<30)
	kept, err := fetchLater(t, s, sha, func(r *snapshot.FetchRequest) { r.Cache = node })
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(kept.Complete(t.Context()), node.Keep(t.Context(), kept)); err != nil {
		t.Fatal(err)
	}
	for claim, change := range map[string]func(*snapshot.FetchRequest){
		"some may come later": func(*snapshot.FetchRequest) {},
		"all is needed":       func(r *snapshot.FetchRequest) { r.Later = nil },
		"the cache has it":    func(r *snapshot.FetchRequest) { r.Cache = node },
	} {
		t.Run(claim, func(t *testing.T) {
			var dirs []string
			got, err := fetchLater(t, s, sha, change, func(r *snapshot.FetchRequest) {
				r.Files = func(dir string) {
					dirs = append(dirs, dir)
					if raw, err := os.ReadFile(filepath.Join(dir, "core-7.img")); err != nil || string(raw) != "core" {
						t.Errorf("core-7.img is %q: %v", raw, err)
					}
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(dirs) != 1 || dirs[0] != got.Dir || got.Kept != (claim == "the cache has it") {
				t.Errorf("told of %q, the image is in %s, kept: %t", dirs, got.Dir, got.Kept)
			}
		})
	}
}

func TestPagesThatTheImageHasNotAreAnError(t *testing.T) {
	s, sha := stored(t)
	got, err := fetchLater(t, s, sha)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		file   string
		offset int64
	}{{"pages-1.img", 200 * page}, {"pages-1.img", -page}, {"pages-9.img", 0}} {
		if !got.Pages.AtHand(c.file, c.offset, page) {
			t.Errorf("page at %d of %s is to be waited for", c.offset, c.file)
		}
		if _, err := got.Pages.Bytes(c.file, c.offset, page); err == nil {
			t.Errorf("page at %d of %s is there", c.offset, c.file)
		}
	}
}
