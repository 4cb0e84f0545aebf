package snapshot_test

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"os"
	"path/filepath"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// descent is an image "s1" in a pool and in a cache, and what its successor can
// share with it.
type descent struct {
	*server
	cache *snapshot.Cache
	dir   string // of the cache
	first snapshot.Fetched
}

// begin takes an image and starts from it.
func begin(t testing.TB, f files) *descent {
	t.Helper()
	l := &descent{server: newServer(t), dir: t.TempDir()}
	l.cache = cache(t, l.dir, 1<<30)
	req := l.storeRequest("s1", openImage(t, f))
	req.Cache = l.cache
	done, err := l.store(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	l.first = l.fetchRaw(t, "s1", done.ManifestSHA256, l.cache)
	if !l.first.Kept {
		t.Fatal("the image is not kept")
	}
	return l
}

// kept is the file of the kept image.
func (l *descent) kept(t testing.TB, name string) string {
	t.Helper()
	return filepath.Join(keptImages(t, l.dir)[0], name)
}

func (l *descent) base(t testing.TB) *snapshot.Base {
	t.Helper()
	b, err := l.first.Base(t.Context(), l.cache)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// next stores an image as "s2", compares it with what comes back, and returns
// what became of its pages.
func (l *descent) next(t testing.TB, f files, b *snapshot.Base) (snapshot.Stored, snapshot.Manifest) {
	t.Helper()
	req := l.storeRequest("s2", openImage(t, f))
	req.Base, req.Share = b, b.Packs()
	done, err := l.store(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	sameFiles(t, l.mustFetch(t, "s2", done.ManifestSHA256), f)
	return done, l.manifest(t, "s2")
}

func pageOf(pages []byte, n int) []byte {
	return pages[n*snapshot.PageSize : (n+1)*snapshot.PageSize]
}

func TestAKeptImageSharesWhatItsHashesWouldShare(t *testing.T) {
	for claim, change := range map[string]func(pages []byte){
		"nothing changed":       func([]byte) {},
		"a bit changed":         func(p []byte) { p[77*snapshot.PageSize] ^= 1 },
		"pages moved":           func(p []byte) { copy(p[64*snapshot.PageSize:], p[101*snapshot.PageSize:150*snapshot.PageSize]) },
		"a new page, twice":     func(p []byte) { copy(pageOf(p, 3), textPages(1, 9)); copy(pageOf(p, 180), textPages(1, 9)) },
		"some became zero":      func(p []byte) { clear(p[90*snapshot.PageSize : 99*snapshot.PageSize]) },
		"zeros became pages":    func(p []byte) { copy(p[22*snapshot.PageSize:], textPages(5, 3)) },
		"everything is another": func(p []byte) { copy(p, textPages(200, 4)) },
	} {
		t.Run(claim, func(t *testing.T) {
			l := begin(t, images())
			next := images()
			change(next["pages-1.img"])
			kept := l.base(t)
			defer kept.Close()
			quick, quickly := l.next(t, next, kept)
			strong, strongly := l.next(t, next, l.server.base(t, "s1", sum(mustObject(t, l.server, manifestPath("s1")))))
			if diff := cmp.Diff(strongly, quickly); diff != "" {
				t.Errorf("with SHA-256 -, with the kept image +:\n%s", diff)
			}
			if quick.New != strong.New || quick.Shared != strong.Shared || quick.Repeated != strong.Repeated {
				t.Errorf("new, shared, repeated: %d, %d, %d; with SHA-256: %d, %d, %d",
					quick.New, quick.Shared, quick.Repeated, strong.New, strong.Shared, strong.Repeated)
			}
		})
	}
}

func mustObject(t testing.TB, s *server, path string) []byte {
	t.Helper()
	data, ok := s.object(path)
	if !ok {
		t.Fatalf("there is no %s", path)
	}
	return data
}

// twin returns another page with the same xxHash: one word of a lane is changed,
// and the next one of the lane so that its state is what it was.
func twin(t testing.TB, page []byte) []byte {
	t.Helper()
	const p1, p2 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F
	inverse := uint64(p2) // of p2, modulo 2⁶⁴, by Newton's iteration
	for range 6 {
		inverse *= 2 - p2*inverse
	}
	var seed uint64 // of the first lane: p1 + p2
	seed = p1
	seed += p2
	round := func(state, word uint64) uint64 { return bits.RotateLeft64(state+word*p2, 31) * p1 }
	other := append([]byte(nil), page...)
	binary.LittleEndian.PutUint64(other, binary.LittleEndian.Uint64(page)^1)
	was, is := round(seed, binary.LittleEndian.Uint64(page)), round(seed, binary.LittleEndian.Uint64(other))
	binary.LittleEndian.PutUint64(other[32:], binary.LittleEndian.Uint64(page[32:])+(was-is)*inverse)
	if xxhash.Sum64(page) != xxhash.Sum64(other) {
		t.Fatal("their sums differ")
	}
	return other
}

func TestPagesOfEqualSumsThatDifferAreNotTakenForEachOther(t *testing.T) {
	for claim, change := range map[string]func(t *testing.T, pages []byte){
		"one in the place of the base's": func(t *testing.T, p []byte) { copy(pageOf(p, 60), twin(t, pageOf(p, 60))) },
		"one elsewhere":                  func(t *testing.T, p []byte) { copy(pageOf(p, 61), twin(t, pageOf(p, 150))) },
		"the base's and another":         func(t *testing.T, p []byte) { copy(pageOf(p, 199), twin(t, pageOf(p, 0))) },
		"two new ones": func(t *testing.T, p []byte) {
			copy(pageOf(p, 2), textPages(1, 7))
			copy(pageOf(p, 4), twin(t, pageOf(p, 2)))
		},
		"new ones, in turn":                  func(t *testing.T, p []byte) { alternate(t, p) },
		"one before that which the base has": func(t *testing.T, p []byte) { copy(pageOf(p, 1), twin(t, pageOf(p, 2))) },
	} {
		t.Run(claim, func(t *testing.T) {
			l := begin(t, images())
			next := images()
			change(t, next["pages-1.img"])
			b := l.base(t)
			defer b.Close()
			done, _ := l.next(t, next, b) // which compares what comes back
			if done.Shared < 140 {
				t.Errorf("%d pages are shared, want the others", done.Shared)
			}
			if done, _ = l.next(t, next, nil); done.Shared > 0 { // without a base
				t.Errorf("%d pages are shared with nothing", done.Shared)
			}
		})
	}
}

// alternate puts two new pages of one sum into a row, one after the other.
func alternate(t testing.TB, pages []byte) {
	one := textPages(1, 7)
	other := twin(t, one)
	for i := range 20 {
		copy(pageOf(pages, 70+2*i), one)
		copy(pageOf(pages, 71+2*i), other)
	}
}

func TestABaseWhoseImageIsDamagedSharesNothingWrong(t *testing.T) {
	sized := func(n int64) func(string) error { return func(path string) error { return os.Truncate(path, n) } }
	flipAt := func(at int64) func(string) error {
		return func(path string) error {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			var b [1]byte
			_, errRead := f.ReadAt(b[:], at)
			b[0] ^= 1
			_, errWrite := f.WriteAt(b[:], at)
			return errors.Join(errRead, errWrite, f.Close())
		}
	}
	sums := int64(len(images()["pages-1.img"])/snapshot.PageSize+2+1) * 8
	for claim, tc := range map[string]struct {
		file   string
		damage func(path string) error
		shared int // at least
	}{
		"a bit of the sum of a page flipped": {".sums", flipAt(16 + 60*8), 180},
		"a bit of the sums' sum flipped":     {".sums", flipAt(sums - 1), 180},
		"the sums are cut off":               {".sums", sized(sums - 8), 180},
		"the sums are longer":                {".sums", sized(sums + 8), 180},
		"the sums are gone":                  {".sums", os.Remove, 180},
		"a bit of a page flipped":            {"pages-1.img", flipAt(60*snapshot.PageSize + 5), 179},
		"the pages are gone":                 {"pages-1.img", os.Remove, 180},
		"the pages are a directory":          {"pages-1.img", func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o700)) }, 180},
	} {
		for _, changed := range []bool{false, true} {
			name := claim
			if changed {
				name += ", and the process has that very bit flipped"
			}
			t.Run(name, func(t *testing.T) {
				l := begin(t, images())
				if err := tc.damage(l.kept(t, tc.file)); err != nil {
					t.Fatal(err)
				}
				next := images()
				want := tc.shared
				if changed {
					next["pages-1.img"][60*snapshot.PageSize+5] ^= 1
					want = min(want, 179)
				}
				b := l.base(t)
				defer b.Close()
				if done, _ := l.next(t, next, b); done.Shared < want || done.Shared > want {
					t.Errorf("%d pages are shared, want %d", done.Shared, want)
				}
			})
		}
	}
}

func TestABaseOutlivesItsImageInTheCache(t *testing.T) {
	for claim, tc := range map[string]struct {
		lose   func(l *descent, b *snapshot.Base) error
		shared int
	}{
		"evicted":    {func(l *descent, _ *snapshot.Base) error { return os.RemoveAll(filepath.Join(l.dir, ".images")) }, 180},
		"and closed": {func(_ *descent, b *snapshot.Base) error { return b.Close() }, 0},
		"cut off": {func(l *descent, _ *snapshot.Base) error {
			return os.Truncate(l.kept(t, "pages-1.img"), 100*snapshot.PageSize)
		}, 80},
	} {
		t.Run(claim, func(t *testing.T) {
			l := begin(t, images())
			b := l.base(t)
			if err := errors.Join(os.RemoveAll(l.first.Dir), tc.lose(l, b)); err != nil {
				t.Fatal(err)
			}
			if done, _ := l.next(t, images(), b); done.Shared != tc.shared {
				t.Errorf("%d pages are shared, want %d", done.Shared, tc.shared)
			}
			_ = b.Close()
		})
	}
}

func TestAnImageWithTheSumsOfOldIsKeptAnew(t *testing.T) {
	l := begin(t, images())
	var old []byte // a sum of each MiB, and the sum of those
	for _, name := range []string{"core-7.img", "inventory.img", "pages-1.img"} {
		old = binary.LittleEndian.AppendUint64(old, xxhash.Sum64(images()[name]))
	}
	sha := filepath.Base(keptImages(t, l.dir)[0])
	old = binary.LittleEndian.AppendUint64(old, xxhash.Sum64(append([]byte(sha), old...)))
	if err := os.WriteFile(l.kept(t, ".sums"), old, 0o600); err != nil {
		t.Fatal(err)
	}
	b := l.base(t)
	defer b.Close()
	if done, _ := l.next(t, images(), b); done.Shared != 180 {
		t.Errorf("%d pages are shared, want 180", done.Shared)
	}
	if l.fetchRaw(t, "s1", sha, l.cache).Kept {
		t.Error("it is used")
	}
	l.keep(t, "s1", sha, l.cache)
	if !l.fetchRaw(t, "s1", sha, l.cache).Kept {
		t.Error("it is not kept again")
	}
}

func TestABaseWithoutACacheHashes(t *testing.T) {
	s, sha := stored(t)
	l := &descent{server: s, first: s.fetchRaw(t, "s1", sha, nil)}
	b := l.base(t)
	defer b.Close()
	if err := os.RemoveAll(l.first.Dir); err != nil { // it does without
		t.Fatal(err)
	}
	if done, _ := l.next(t, images(), b); done.Shared != 180 {
		t.Errorf("%d pages are shared, want 180", done.Shared)
	}
}
