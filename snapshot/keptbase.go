package snapshot

import (
	"context"
	"errors"
	"os"
	"path"

	"github.com/pronghorn-faas/pronghorn/internal/background"
)

// Base is NewBase of an image that was fetched. If the cache has the image, its
// pages need not be hashed, as it has sums of them; such a base goes on reading
// the image there, until it is closed, also if that is evicted meanwhile.
func (f Fetched) Base(ctx context.Context, c *Cache) (b *Base, err error) {
	background.Do(func() {
		if b, err = c.base(f.Manifest, f.manifestSHA256); err != nil {
			b, err = newBase(ctx, f.Manifest, f.Dir)
		}
	})
	return b, err
}

var errNotKept = errors.New("the image is not in the cache")

// base is that of an image that is kept.
//
// Its sums only say where to look: if one is wrong, what is found there differs,
// and a page is stored again that need not be. A page of the new image is the
// base's if both have this sum, which was kept when the image was verified, and
// the same bytes. So the image's damage cannot make a wrong page out of it.
func (c *Cache) base(m Manifest, sum string) (*Base, error) {
	if c == nil || !validSHA256(sum) || len(m.KeyIDs()) > 0 {
		return nil, errNotKept
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	dir, err := c.root.OpenRoot(path.Join(cacheImages, sum))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	sums, err := readSums(dir, sumsIn(m), sum)
	if err != nil {
		return nil, err
	}
	kept := newKeptBase(m)
	if err := kept.add(dir, m, sums); err != nil {
		return nil, errors.Join(err, kept.close())
	}
	return &Base{function: m.Function, packs: m.Packs, runs: kept.runs, kept: kept}, nil
}

// keptBase is what a base knows of an image that is kept.
type keptBase struct {
	files  []source // those of pages
	runs   [][]run
	pages  []basePage
	byHash map[uint64]int32 // index into pages
}

func newKeptBase(m Manifest) *keptBase {
	n := pagesOf(m)
	return &keptBase{pages: make([]basePage, 0, n), byHash: make(map[uint64]int32, n)}
}

// add adds the pages of the image, of all of whose files there are sums.
func (k *keptBase) add(dir *os.Root, m Manifest, sums []uint64) error {
	for _, f := range m.Files {
		sums = sums[pagesFor(f.Bytes):]
	}
	for i, p := range m.Pages {
		f, err := openKept(dir, p.Name, p.Bytes)
		if err != nil {
			return err
		}
		k.files = append(k.files, f)
		runs, err := decodeMap(p.Map, p.Bytes/PageSize, len(m.Packs), maxRuns)
		if err != nil {
			return err
		}
		for page, at := range placed(i, runs) {
			k.byHash[sums[page]] = int32(len(k.pages))
			k.pages = append(k.pages, at)
		}
		k.runs = append(k.runs, runs)
		sums = sums[pagesFor(p.Bytes):]
	}
	return nil
}

// find returns the page that one with this sum may be equal to.
func (k *keptBase) find(sum pageSum) (p basePage, known bool) {
	hash, quick := sum.quick()
	if !quick {
		return p, false
	}
	i, known := k.byHash[hash]
	if !known {
		return p, false
	}
	return k.pages[i], true
}

func (k *keptBase) close() error {
	var errs []error
	for _, f := range k.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
