package snapshot_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// fetchRaw fetches through a cache and removes what it got when the test ends.
func (s *server) fetchRaw(t testing.TB, id, sha string, c *snapshot.Cache) snapshot.Fetched {
	t.Helper()
	req := s.fetchRequest(id, sha, filepath.Join(t.TempDir(), "image"))
	req.Cache = c
	got, err := snapshot.NewTransfer(nil).Fetch(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(got.Dir) })
	return got
}

// keep fetches images() and keeps them.
func (s *server) keep(t testing.TB, id, sha string, c *snapshot.Cache) {
	t.Helper()
	if err := c.Keep(t.Context(), s.fetchRaw(t, id, sha, c)); err != nil {
		t.Fatal(err)
	}
}

// keptImages lists the directories of images in a cache.
func keptImages(t testing.TB, dir string) []string {
	t.Helper()
	images, err := filepath.Glob(filepath.Join(dir, ".images", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return images
}

// staged lists what is on its way in a cache.
func staged(t testing.TB, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, ".staging", "*-*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestAKeptImageIsUsedAsItIs(t *testing.T) {
	s, sha := stored(t)
	dir := t.TempDir()
	c := cache(t, dir, 1<<30)
	s.keep(t, "s1", sha, c)
	s.Close()
	if err := os.RemoveAll(filepath.Join(dir, fn)); err != nil { // there is nothing to unpack
		t.Fatal(err)
	}
	got := s.fetchRaw(t, "s1", sha, c)
	if !got.Kept || got.Moved != 0 || got.FromCache == 0 {
		t.Errorf("kept %v, moved %d, from the cache %d", got.Kept, got.Moved, got.FromCache)
	}
	sameFiles(t, readDir(t, got.Dir), images())
	for name := range images() {
		info, err := os.Stat(filepath.Join(got.Dir, name))
		if err != nil || info.Sys().(*syscall.Stat_t).Nlink < 2 {
			t.Errorf("%s is a copy: %v", name, err)
		}
	}
	if _, err := snapshot.NewBase(t.Context(), got.Manifest, got.Dir); err != nil {
		t.Errorf("no base of it: %v", err)
	}
	if c.Wants(got) {
		t.Error("it is to be kept again")
	}
}

func TestAStartWritesToItsOwnDirectoryOnly(t *testing.T) {
	s, sha := stored(t)
	dir := t.TempDir()
	c := cache(t, dir, 1<<30)
	s.keep(t, "s1", sha, c)
	first := s.fetchRaw(t, "s1", sha, c)
	if err := os.WriteFile(filepath.Join(first.Dir, "restore.log"), []byte("log"), 0o600); err != nil {
		t.Fatal(err)
	}
	second := s.fetchRaw(t, "s1", sha, c)
	sameFiles(t, readDir(t, second.Dir), images())
	if err := errors.Join(os.RemoveAll(first.Dir), os.RemoveAll(second.Dir)); err != nil {
		t.Error(err)
	}
	if left := staged(t, dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if got := s.fetchRaw(t, "s1", sha, c); !got.Kept {
		t.Error("the image went with the start's directory")
	}
}

func TestAKeptImageThatIsDamagedIsNotUsed(t *testing.T) {
	s, sha := stored(t)
	flip := func(at func(n int) int) func(string) error {
		return func(path string) error {
			data, err := os.ReadFile(path)
			if err != nil || len(data) == 0 {
				return err
			}
			data[at(len(data))] ^= 1
			return os.WriteFile(path, data, 0o600)
		}
	}
	for claim, damage := range map[string]func(path string) error{
		"the first bit flipped": flip(func(int) int { return 0 }),
		"the last bit flipped":  flip(func(n int) int { return n - 1 }),
		"cut off":               func(path string) error { return os.Truncate(path, 0) },
		"longer":                func(path string) error { return os.Truncate(path, 1<<24) },
		"missing":               os.Remove,
		"a link":                func(path string) error { return errors.Join(os.Remove(path), os.Symlink("/dev/zero", path)) },
		"a directory":           func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
		"a pipe":                func(path string) error { return errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600)) },
	} {
		for _, name := range []string{".sums", "core-7.img", "inventory.img", "pages-1.img", "empty.img"} {
			if name == "empty.img" && (claim[0] == 't' || claim == "cut off") {
				continue // there is nothing to damage
			}
			if testing.Short() && name != ".sums" && name != "pages-1.img" {
				continue
			}
			t.Run(name+" "+claim, func(t *testing.T) {
				dir := t.TempDir()
				c := cache(t, dir, 1<<30)
				s.keep(t, "s1", sha, c)
				if err := damage(filepath.Join(keptImages(t, dir)[0], name)); err != nil {
					t.Fatal(err)
				}
				got := s.fetchRaw(t, "s1", sha, c)
				if got.Kept || got.Moved != 0 {
					t.Errorf("kept %v, moved %d: want it from the packs of the cache", got.Kept, got.Moved)
				}
				sameFiles(t, readDir(t, got.Dir), images())
				if left := append(keptImages(t, dir), staged(t, dir)...); len(left) > 0 {
					t.Errorf("still there: %v", left)
				}
				s.keep(t, "s1", sha, c)
				if !s.fetchRaw(t, "s1", sha, c).Kept {
					t.Error("it is not kept again")
				}
			})
		}
	}
}

func TestASumIsOfItsManifest(t *testing.T) {
	s := newServer(t)
	dir := t.TempDir()
	c := cache(t, dir, 1<<30)
	var shas []string
	for _, id := range []string{"s1", "s2"} { // the same image in two snapshots
		done, err := s.store(t.Context(), s.storeRequest(id, openImage(t, images())))
		if err != nil {
			t.Fatal(err)
		}
		s.keep(t, id, done.ManifestSHA256, c)
		shas = append(shas, done.ManifestSHA256)
	}
	raw, err := os.ReadFile(filepath.Join(dir, ".images", shas[0], ".sums"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".images", shas[1], ".sums"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if s.fetchRaw(t, "s2", shas[1], c).Kept {
		t.Error("the sums of another image are taken")
	}
}

func TestAnythingInThePlaceOfAKeptImageIsRemoved(t *testing.T) {
	s, sha := stored(t)
	for claim, place := range map[string]func(path string) error{
		"a file":             func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"an empty directory": func(path string) error { return os.Mkdir(path, 0o700) },
		"a link":             func(path string) error { return os.Symlink("/etc", path) },
	} {
		t.Run(claim, func(t *testing.T) {
			dir := t.TempDir()
			c := cache(t, dir, 1<<30)
			if err := place(filepath.Join(dir, ".images", sha)); err != nil {
				t.Fatal(err)
			}
			if s.fetchRaw(t, "s1", sha, c).Kept {
				t.Error("it is an image")
			}
			s.keep(t, "s1", sha, c)
			if !s.fetchRaw(t, "s1", sha, c).Kept {
				t.Error("the image is not kept")
			}
		})
	}
}

func TestAnImageInUseSurvivesItsEviction(t *testing.T) {
	s, sha := stored(t)
	dir := t.TempDir()
	c := cache(t, dir, 1<<30)
	s.keep(t, "s1", sha, c)
	got := s.fetchRaw(t, "s1", sha, c)
	if !got.Kept {
		t.Fatal("the image is not kept")
	}
	// Another container with a smaller cache starts, sweeps, and stores something.
	other := cache(t, dir, 1<<20)
	req := s.storeRequest("s2", openImage(t, images()))
	req.Cache = other
	if _, err := s.store(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	if kept := keptImages(t, dir); len(kept) > 0 {
		t.Fatalf("%v was not evicted", kept)
	}
	sameFiles(t, readDir(t, got.Dir), images())
}

func TestWhatIsEncryptedIsNeverKeptInTheClear(t *testing.T) {
	s := newServer(t)
	ring := keyring(t, "a1")
	sha := storeWith(t, s, "s1", images(), ring, nil)
	dir := t.TempDir()
	c := cache(t, dir, 1<<30)
	for range 2 {
		req := s.fetchRequest("s1", sha, filepath.Join(t.TempDir(), "image"))
		req.Cache, req.Keys = c, ring
		got, err := snapshot.NewTransfer(nil).Fetch(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if c.Wants(got) || got.Kept {
			t.Errorf("wanted %v, kept %v", c.Wants(got), got.Kept)
		}
		if err := c.Keep(t.Context(), got); err != nil {
			t.Error(err)
		}
	}
	marker := images()["pages-1.img"][:64]
	for _, path := range cached(t, dir) {
		if data, _ := os.ReadFile(path); bytes.Contains(data, marker) || bytes.Contains(data, []byte("coreinventory")) {
			t.Errorf("%s shows the image", path)
		}
	}
	if kept := append(keptImages(t, dir), staged(t, dir)...); len(kept) > 0 {
		t.Errorf("there is %v", kept)
	}
}

func TestKeptImagesAreTheirOwnersOnly(t *testing.T) {
	s, sha := stored(t)
	dir := filepath.Join(t.TempDir(), "cache")
	c := cache(t, dir, 1<<30)
	s.keep(t, "s1", sha, c)
	s.fetchRaw(t, "s1", sha, c)
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		info, errInfo := e.Info()
		if want := map[bool]fs.FileMode{true: 0o700, false: 0o600}[e.IsDir()]; errInfo == nil && info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
		}
		return errors.Join(err, errInfo)
	})
	if err != nil {
		t.Error(err)
	}
}

// diskBytes is what a directory takes, what is linked twice once.
func diskBytes(t testing.TB, dir string) (bytes int64) {
	t.Helper()
	seen := map[uint64]bool{}
	for _, path := range cached(t, dir) {
		var stat syscall.Stat_t
		if err := syscall.Lstat(path, &stat); err != nil {
			t.Fatal(err)
		}
		if !seen[stat.Ino] {
			bytes += stat.Blocks * 512
		}
		seen[stat.Ino] = true
	}
	return bytes
}

func TestKeptImagesAreBounded(t *testing.T) {
	s := newServer(t)
	const many = 6
	var shas []string
	for i := range many {
		f := images()
		f["pages-1.img"] = textPages(200, uint64(i))
		done, err := s.store(t.Context(), s.storeRequest(fmt.Sprintf("s%d", i), openImage(t, f)))
		if err != nil {
			t.Fatal(err)
		}
		shas = append(shas, done.ManifestSHA256)
	}
	const image = 220 * snapshot.PageSize // with the small files
	pack := int64(len(s.objects[packPath("s0")]))
	for claim, tc := range map[string]struct{ max, kept int64 }{
		"images take half of the cache":          {4*image + 8*pack, 2},
		"an image that is larger is not kept":    {image * 3 / 2, 0},
		"old packs make room, but not one's own": {2 * image, 1},
		"there is no room that need not be made": {100 * image, many},
	} {
		t.Run(claim, func(t *testing.T) {
			dir := t.TempDir()
			c := cache(t, dir, tc.max)
			for i, sha := range shas {
				time.Sleep(5 * time.Millisecond) // what a file system tells apart
				s.keep(t, fmt.Sprintf("s%d", i), sha, c)
				if used := diskBytes(t, dir); used > tc.max {
					t.Errorf("%d bytes are cached, want at most %d", used, tc.max)
				}
			}
			kept := keptImages(t, dir)
			if n := int64(len(kept)); n < tc.kept || n > max(tc.kept, tc.max/2/image) {
				t.Errorf("%d images are kept, want %d", n, tc.kept)
			}
			if tc.kept > 0 && !s.fetchRaw(t, "s5", shas[5], c).Kept {
				t.Error("the one that was used last is gone")
			}
		})
	}
	t.Run("images go before packs", func(t *testing.T) {
		f := images()
		f["pages-1.img"] = make([]byte, 250*snapshot.PageSize)
		_, _ = rand.NewChaCha8([32]byte{}).Read(f["pages-1.img"])
		done, err := s.store(t.Context(), s.storeRequest("large", openImage(t, f)))
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		c := cache(t, dir, 2*image)
		s.keep(t, "s0", shas[0], c)
		s.fetchRaw(t, "large", done.ManifestSHA256, c)
		if kept := keptImages(t, dir); len(kept) > 0 {
			t.Errorf("%v is still there", kept)
		}
		for id, sha := range map[string]string{"s0": shas[0], "large": done.ManifestSHA256} {
			if got := s.fetchRaw(t, id, sha, c); got.Moved > 0 {
				t.Errorf("the pack of %s is not there", id)
			}
		}
	})
}

func TestTheImageThatWasUsedLatelyStays(t *testing.T) {
	s := newServer(t)
	dir := t.TempDir()
	const image = 220 * snapshot.PageSize
	c := cache(t, dir, 2*(2*image+image/2)) // two of them
	var shas []string
	for i := range 3 {
		id := fmt.Sprintf("s%d", i)
		done, err := s.store(t.Context(), s.storeRequest(id, openImage(t, images())))
		if err != nil {
			t.Fatal(err)
		}
		shas = append(shas, done.ManifestSHA256)
		s.keep(t, id, done.ManifestSHA256, c)
		time.Sleep(5 * time.Millisecond)
		if !s.fetchRaw(t, "s0", shas[0], c).Kept {
			t.Fatalf("s0 is gone after %s", id)
		}
		time.Sleep(5 * time.Millisecond)
	}
	if s.fetchRaw(t, "s1", shas[1], c).Kept || !s.fetchRaw(t, "s2", shas[2], c).Kept {
		t.Error("want s0 and s2 kept")
	}
}

func TestACrashWhileAnImageIsKept(t *testing.T) {
	s, sha := stored(t)
	dir := t.TempDir()
	old := time.Now().Add(-time.Hour)
	for name, aged := range map[string]bool{"keep-A": false, "drop-B": false, "keep-C": true, "start-D": true, "start-E": false} {
		path := filepath.Join(dir, ".staging", name)
		err := errors.Join(os.MkdirAll(path, 0o700), os.WriteFile(filepath.Join(path, "pages-1.img"), make([]byte, 5000), 0o600))
		if aged {
			err = errors.Join(err, os.Chtimes(path, old, old))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	c := cache(t, dir, 1<<30)
	if left := len(staged(t, dir)); left != 3 {
		t.Errorf("%d directories are left, want those that are young", left)
	}
	s.keep(t, "s1", sha, c)
	if left := staged(t, dir); len(left) != 1 || filepath.Base(left[0]) != "start-E" {
		t.Errorf("%v are left, want what a start may still read", left)
	}
	if !s.fetchRaw(t, "s1", sha, c).Kept {
		t.Error("the image is not kept")
	}
}

func TestAKeeperThatIsKilledLeavesNothingThatIsUsed(t *testing.T) {
	s, sha := stored(t)
	dir := t.TempDir()
	got := s.fetchRaw(t, "s1", sha, cache(t, dir, 1<<30))
	for _, after := range []int{0, 1, 3, 10} {
		ctx, cancel := context.WithCancel(t.Context())
		c := cache(t, dir, 1<<30)
		done := make(chan error)
		go func() { done <- c.Keep(ctx, got) }()
		time.Sleep(time.Duration(after) * 100 * time.Microsecond)
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if left := staged(t, dir); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
		again := s.fetchRaw(t, "s1", sha, c)
		sameFiles(t, readDir(t, again.Dir), images())
		_ = errors.Join(os.RemoveAll(again.Dir), os.RemoveAll(filepath.Join(dir, ".images", sha)))
	}
}

func TestTwoKeepersOfAnImage(t *testing.T) {
	s, sha := stored(t)
	dir := t.TempDir()
	var keepers sync.WaitGroup
	for range 8 {
		c := cache(t, dir, 1<<30) // as every container has its own
		got := s.fetchRaw(t, "s1", sha, c)
		if got.Kept {
			_ = os.RemoveAll(got.Dir)
		}
		keepers.Go(func() {
			if err := c.Keep(t.Context(), got); err != nil {
				t.Error(err)
			}
			again, err := snapshot.NewTransfer(nil).Fetch(t.Context(), func() snapshot.FetchRequest {
				req := s.fetchRequest("s1", sha, filepath.Join(t.TempDir(), "image"))
				req.Cache = c
				return req
			}())
			if err != nil {
				t.Error(err)
				return
			}
			sameFiles(t, readDir(t, again.Dir), images())
			_ = os.RemoveAll(again.Dir)
		})
	}
	keepers.Wait()
	if kept, left := keptImages(t, dir), staged(t, dir); len(kept) != 1 || len(left) > 0 {
		t.Errorf("kept %v, left %v", kept, left)
	}
}

// keepAsProcess is a worker that compares what it got with images(), and keeps it.
func keepAsProcess(c *snapshot.Cache, got snapshot.Fetched) error {
	for name, want := range images() {
		if data, err := os.ReadFile(filepath.Join(got.Dir, name)); err != nil || !bytes.Equal(data, want) {
			return fmt.Errorf("%s differs: %w", name, err)
		}
	}
	if err := c.Keep(context.Background(), got); err != nil || !got.Kept {
		return err
	}
	return os.RemoveAll(got.Dir)
}

func TestProcessesShareAKeptImage(t *testing.T) {
	t.Setenv(keeperEnv, "1")
	s, sha := stored(t)
	cacheDir := t.TempDir()
	for range 2 { // the first keep what the second use
		var cmds []*exec.Cmd
		for range 4 {
			cmd, _ := s.fetcher(t, sha, cacheDir)
			cmds = append(cmds, cmd)
		}
		for _, cmd := range cmds {
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		}
	}
	if kept := keptImages(t, cacheDir); len(kept) != 1 {
		t.Errorf("kept %v", kept)
	}
	got := s.fetchRaw(t, "s1", sha, cache(t, cacheDir, 1<<30))
	if sameFiles(t, readDir(t, got.Dir), images()); !got.Kept {
		t.Error("the image is not kept")
	}
}

func TestKeepingOnAFullDisk(t *testing.T) {
	s, sha := stored(t)
	dir := small(t, 600<<10) // for the pack, but not the image
	c := cache(t, dir, 1<<30)
	if err := c.Keep(t.Context(), s.fetchRaw(t, "s1", sha, c)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error %v, want that there is no space left", err)
	}
	if left := append(keptImages(t, dir), staged(t, dir)...); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	s.fetchCached(t, "s1", sha, c)
}

func TestWithoutACacheNothingIsKept(t *testing.T) {
	s, sha := stored(t)
	var none *snapshot.Cache
	got := s.fetchRaw(t, "s1", sha, none)
	if err := none.Keep(t.Context(), got); err != nil || none.Wants(got) {
		t.Errorf("wanted %v, %v", none.Wants(got), err)
	}
}

// BenchmarkWarmFetch is of an image like that of a small PyPy function, 70 MB, from
// a node's cache: its packs alone, and the image as it is.
func BenchmarkWarmFetch(b *testing.B) {
	s := newServer(b)
	f := images()
	f["pages-1.img"] = textPages(17000, 1)
	done, err := s.store(b.Context(), s.storeRequest("s1", openImage(b, f)))
	if err != nil {
		b.Fatal(err)
	}
	for _, kept := range []bool{false, true} {
		b.Run(fmt.Sprintf("kept=%v", kept), func(b *testing.B) {
			c := cache(b, b.TempDir(), 1<<30)
			req := s.fetchRequest("s1", done.ManifestSHA256, "")
			req.Cache = c
			tr := snapshot.NewTransfer(nil)
			fetch := func(i int) snapshot.Fetched {
				req.Dir = filepath.Join(tmpfs(b), fmt.Sprint(i))
				got, err := tr.Fetch(b.Context(), req)
				if err != nil {
					b.Fatal(err)
				}
				return got
			}
			first := fetch(0)
			if kept {
				if err := c.Keep(b.Context(), first); err != nil {
					b.Fatal(err)
				}
			}
			_ = os.RemoveAll(first.Dir)
			runtime.GC()
			b.SetBytes(int64(len(f["pages-1.img"])))
			for i := 1; b.Loop(); i++ {
				got := fetch(i)
				b.StopTimer()
				if got.Kept != kept {
					b.Fatalf("kept %v", got.Kept)
				}
				_ = os.RemoveAll(got.Dir)
				b.StartTimer()
			}
		})
	}
}
