package snapshot_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// take stores images() as "s1" with a cache and, perhaps, keys.
func (s *server) take(t testing.TB, c *snapshot.Cache, ring *snapshot.Keyring) snapshot.Stored {
	t.Helper()
	req := s.storeRequest("s1", openImage(t, images()))
	req.Cache, req.Keys, req.WantBase = c, ring, true
	done, err := s.store(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func TestAnImageThatWasJustTakenIsKept(t *testing.T) {
	s := newServer(t)
	dir := t.TempDir()
	c := cache(t, dir, 1<<30)
	done := s.take(t, c, nil)
	got := s.fetchRaw(t, "s1", done.ManifestSHA256, c)
	if !got.Kept || got.Moved != 0 {
		t.Errorf("kept %v, moved %d bytes: want the image as it was taken", got.Kept, got.Moved)
	}
	sameFiles(t, readDir(t, got.Dir), images())
	if c.Wants(got) {
		t.Error("it is wanted again")
	}
}

func TestAnImageIsKeptWithoutTheZerosThatItDoesWithout(t *testing.T) {
	s := newServer(t)
	img := openImage(t, images())
	img.LeaveOutZeros = leftOut(t, img)
	req := s.storeRequest("s1", img)
	req.Cache = cache(t, t.TempDir(), 1<<30)
	done, err := s.store(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	got := s.fetchRaw(t, "s1", done.ManifestSHA256, req.Cache)
	if !got.Kept {
		t.Error("it is not kept")
	}
	sameFiles(t, readDir(t, got.Dir), s.mustFetch(t, "s1", done.ManifestSHA256))
}

func TestAnImageThatWasJustTakenIsNotKeptInTheClear(t *testing.T) {
	s := newServer(t)
	dir := t.TempDir()
	s.take(t, cache(t, dir, 1<<30), keyring(t, "a1"))
	for _, path := range cached(t, dir) {
		if data, _ := os.ReadFile(path); bytes.Contains(data, []byte("coreinventory")) {
			t.Errorf("%s shows the image", path)
		}
	}
	if kept := append(keptImages(t, dir), staged(t, dir)...); len(kept) > 0 {
		t.Errorf("there is %v", kept)
	}
}

func TestASnapshotIsStoredWhateverBecomesOfItsImageInTheCache(t *testing.T) {
	for claim, c := range map[string]*snapshot.Cache{
		"the disk is full":       cache(t, small(t, 40<<10), 1<<30),
		"the cache is too small": cache(t, t.TempDir(), 100<<10),
	} {
		t.Run(claim, func(t *testing.T) {
			s := newServer(t)
			done := s.take(t, c, nil)
			if s.fetchRaw(t, "s1", done.ManifestSHA256, c).Kept {
				t.Error("it is kept")
			}
			sameFiles(t, s.mustFetch(t, "s1", done.ManifestSHA256), images())
		})
	}
}

func TestTheBaseOfWhatWasStoredIsThatOfTheImage(t *testing.T) {
	s := newServer(t)
	first := s.take(t, nil, nil)
	dir := t.TempDir()
	if _, err := s.fetch(t.Context(), "s1", first.ManifestSHA256, dir); err != nil {
		t.Fatal(err)
	}
	read, err := snapshot.NewBase(t.Context(), s.manifest(t, "s1"), dir)
	if err != nil {
		t.Fatal(err)
	}
	next := images()
	copy(next["pages-1.img"][50*snapshot.PageSize:], textPages(3, 2))
	var manifests []snapshot.Manifest
	for _, base := range []*snapshot.Base{read, first.Base} {
		req := s.storeRequest("s2", openImage(t, next))
		req.Base, req.Share = base, base.Packs()
		done, err := s.store(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if done.New != 3 {
			t.Errorf("%d pages are new, want 3", done.New)
		}
		manifests = append(manifests, s.manifest(t, "s2"))
		sameFiles(t, s.mustFetch(t, "s2", done.ManifestSHA256), next)
	}
	if diff := cmp.Diff(manifests[0], manifests[1]); diff != "" {
		t.Errorf("of the image as it was read -, as it was stored +:\n%s", diff)
	}
}
