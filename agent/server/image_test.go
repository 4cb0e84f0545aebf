package server

import (
	"context"
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// testImage is the memory of a process: what is in each page, by a number of
// which the page is made; 0 is a page of zeros.
type testImage []int

// metaImage is the image beside the pages.
const metaImage = "core-20001.img"

// imageFor is a small image of which no other lifetime has a page.
func imageFor(lifetime string) testImage {
	h := fnv.New32a()
	_, _ = h.Write([]byte(lifetime))
	n := int(h.Sum32()) * 4
	return testImage{n + 1, 0, n + 2, n + 3}
}

// run returns pages first … first+n-1.
func run(first, n int) testImage {
	var i testImage
	for k := range n {
		i = append(i, first+k)
	}
	return i
}

func (i testImage) raw() []byte {
	var raw []byte
	for _, content := range i {
		page := make([]byte, snapshot.PageSize)
		if content != 0 {
			var seed [32]byte
			binary.LittleEndian.PutUint64(seed[:], uint64(content))
			_, _ = rand.NewChaCha8(seed).Read(page) // never fails
		}
		raw = append(raw, page...)
	}
	return raw
}

// dir writes the image as CRIU does.
func (i testImage) dir(t testing.TB) string {
	t.Helper()
	return imageDir(t, i.raw())
}

func imageDir(t testing.TB, pages []byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string][]byte{metaImage: []byte("the rest"), "pages-1.img": pages} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// bytes is the size of the image.
func (i testImage) bytes() int64 { return int64(len("the rest") + len(i)*snapshot.PageSize) }

func manifestOf(id, lifetime string, requestNumber int) snapshot.Manifest {
	return snapshot.Manifest{
		ID: id, Function: fn, Lifetime: lifetime, RequestNumber: requestNumber,
		Created: time.Now().UTC(), Platform: platform, Runtime: "pypy",
		Process: snapshot.Process{PID: 20001, MaxTID: 20001, TIDs: []int{20001}},
	}
}

// upload is how a worker uploads a snapshot.
type upload struct {
	lifetime      string
	requestNumber int
	image         testImage
	pages         []byte // instead of image
	// base is what it was restored from; nil = cold.
	base   *snapshot.Base
	parent string
	// keys encrypt it, change may spoil the manifest.
	keys   *snapshot.Keyring
	change func(*snapshot.Manifest)
}

// store uploads a snapshot, and returns how to register it.
func (u upload) store(ctx context.Context, t testing.TB, c *agent.Client) agent.Registration {
	t.Helper()
	up, err := c.Upload(ctx, agent.UploadRequest{Lifetime: u.lifetime, RequestNumber: u.requestNumber, Packs: u.base.Packs()})
	if err != nil {
		t.Fatal(err)
	}
	m := manifestOf(up.Snapshot, u.lifetime, u.requestNumber)
	m.Parent = u.parent
	if u.change != nil {
		u.change(&m)
	}
	if u.pages == nil {
		u.pages = u.image.raw()
	}
	dir := imageDir(t, u.pages)
	defer os.RemoveAll(dir)
	image, err := snapshot.OpenImage(dir)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := snapshot.NewTransfer(nil).Store(ctx, snapshot.StoreRequest{
		PackURL: up.PackURL, ManifestURL: up.ManifestURL, Image: image, Manifest: m, Base: u.base, Share: up.Share, Keys: u.keys,
	})
	if err != nil {
		t.Fatal(err)
	}
	return agent.Registration{Snapshot: up.Snapshot, Lifetime: u.lifetime, ManifestSHA256: stored.ManifestSHA256}
}

// take is store, and registers the snapshot.
func (u upload) take(t testing.TB, c *agent.Client) string {
	t.Helper()
	done, err := c.Register(t.Context(), u.store(t.Context(), t, c))
	if err != nil {
		t.Fatal(err)
	}
	return done.Snapshot
}

// base is what a worker knows that was restored from the snapshot, whose image
// is given.
func (w world) base(t testing.TB, id string, image testImage) *snapshot.Base {
	t.Helper()
	e, known := entryOf(w.state(t).Pool, id)
	if !known {
		t.Fatalf("there is no snapshot %s", id)
	}
	m, err := snapshot.Verify(t.Context(), w.pool, fn, id, e.Manifest, e.ManifestSHA256)
	if err != nil {
		t.Fatal(err)
	}
	base, err := snapshot.NewBase(t.Context(), m, image.dir(t))
	if err != nil {
		t.Fatal(err)
	}
	return base
}

// child takes a snapshot of a lifetime that was restored from another.
func (w world) child(t testing.TB, c *agent.Client, parent string, parentImage testImage, lifetime string, image testImage) string {
	t.Helper()
	return upload{lifetime: lifetime, requestNumber: 2, image: image, base: w.base(t, parent, parentImage), parent: parent}.take(t, c)
}

// fetch restores a plan into a directory and returns its pages.
func fetch(ctx context.Context, t testing.TB, r *agent.Restore) ([]byte, error) {
	dir := filepath.Join(t.TempDir(), "restored")
	_, err := snapshot.NewTransfer(nil).Fetch(ctx, snapshot.FetchRequest{
		ManifestURL: r.ManifestURL, ManifestSHA256: r.ManifestSHA256, PackURLs: r.PackURLs(), Dir: dir,
	})
	if err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, "pages-1.img"))
}

// checkWhole wants everything that is live to be complete and undamaged.
func (w world) checkWhole(t testing.TB) {
	t.Helper()
	for _, e := range w.state(t).Pool {
		if !e.Live() {
			continue
		}
		if _, err := snapshot.VerifyData(t.Context(), w.pool, fn, e.ID, e.Manifest, e.ManifestSHA256, nil); err != nil {
			t.Errorf("registered, but %v", err)
		}
	}
}

// checkNothingLeaks lets all times pass and wants only the objects of live
// snapshots to be left, and packs that they refer to.
func (w world) checkNothingLeaks(t testing.TB, a testAgent) {
	t.Helper()
	for range 4 { // a repacked pack starts a lease
		w.clock.pass(sweepAfter + DefaultLease + time.Minute)
		if err := a.upkeep(t.Context()); err != nil {
			t.Error(err)
		}
		if err := a.sweep(t.Context()); err != nil {
			t.Error(err)
		}
	}
	w.checkWhole(t)
	wanted := map[string]bool{}
	for _, e := range w.state(t).Pool {
		if e.Live() {
			wanted[snapshot.ManifestObject(fn, e.ID, e.Manifest)] = true
			for _, pack := range e.PackIDs() {
				wanted[snapshot.PackKey(fn, pack)] = true
			}
		}
	}
	for _, key := range w.keys(t) {
		if !wanted[key] {
			t.Errorf("%s is left", key)
		}
	}
	if got := len(w.keys(t)); got != len(wanted) {
		t.Errorf("%d objects are left, want %d", got, len(wanted))
	}
}
