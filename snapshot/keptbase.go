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
	b := emptyBase(m)
	if err := b.addKept(dir, m, sums); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// addKept adds the pages of a kept image, of all of whose files there are sums.
func (b *Base) addKept(dir *os.Root, m Manifest, sums []uint64) error {
	b.kept = make([]source, 0, len(m.Pages))
	for _, f := range m.Files {
		sums = sums[pagesFor(f.Bytes):]
	}
	for i, p := range m.Pages {
		f, err := openKept(dir, p.Name, p.Bytes)
		if err != nil {
			return err
		}
		b.kept = append(b.kept, f)
		runs, err := decodeMap(p.Map, p.Bytes/PageSize, len(b.packs), maxRuns)
		if err != nil {
			return err
		}
		quick := make([]pageSum, p.Bytes/PageSize)
		for page := range quick {
			quick[page] = quickSumOf(sums[page])
		}
		b.addRuns(i, quick, runs)
		sums = sums[len(quick):]
	}
	return nil
}
