package snapshot

import (
	"bytes"
	"context"
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
)

// quickSum is a sum that says where to look for an equal page, a tenth of the
// work of SHA-256. Pages that are not equal may have the same one, by chance or
// because somebody made them so: it takes a comparison.
func quickSum(page []byte) (sum pageSum) {
	binary.LittleEndian.PutUint64(sum[:], xxhash.Sum64(page))
	sum[8] = 1 // it is not that of a page of zeros
	return sum
}

// quick returns the hash in a quick sum; it is none if the page is of zeros, or
// is alone.
func (s *pageSum) quick() (hash uint64, quick bool) {
	return binary.LittleEndian.Uint64(s[:]), s[8] == 1
}

// alone makes a quick sum one that no other page has.
func (s *pageSum) alone(file, page int) {
	s[8] = 2
	binary.LittleEndian.PutUint64(s[16:], uint64(file))
	binary.LittleEndian.PutUint64(s[24:], uint64(page))
}

// sumQuickly sums the pages of an image quickly and compares them with those of
// equal sums in the base, which was kept or is nil. A page that is found to differ
// gets a sum of its own: it is stored, even if there is an equal one somewhere
// else. The image's pages are not compared with each other.
func sumQuickly(ctx context.Context, image *Image, base *Base) ([][]pageSum, error) {
	sums := make([][]pageSum, len(image.Pages))
	for i, p := range image.Pages {
		sums[i] = make([]pageSum, p.Bytes/PageSize)
		chunks := (len(sums[i]) + hashPages - 1) / hashPages
		err := inBackground(ctx, chunks, workers(), func() func(int) error {
			c := newComparer(base, i, p)
			return func(n int) error {
				first := n * hashPages
				return c.sum(sums[i][first:min(first+hashPages, len(sums[i]))], first)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return sums, nil
}

// comparer sums pages of a file of an image and compares them with a base.
type comparer struct {
	base       *Base
	file       int
	image      ImagePages
	buf, other []byte
}

func newComparer(base *Base, file int, image ImagePages) *comparer {
	return &comparer{base, file, image, make([]byte, hashPages*PageSize), make([]byte, hashPages*PageSize)}
}

// sum does so with the pages from the first on, as many as there are sums.
func (c *comparer) sum(sums []pageSum, first int) error {
	pages := c.buf[:len(sums)*PageSize]
	if err := readPages(c.image, first, pages); err != nil {
		return err
	}
	sumWith(quickSum, sums, pages)
	if c.base == nil {
		return nil
	}
	for from := 0; from < len(sums); {
		to, at := c.base.follow(sums, from)
		if to > from {
			c.compare(sums, from, to, at, first)
		}
		from = max(to, from+1)
	}
	return nil
}

// follow returns up to which of the sums from the one on the pages may follow
// each other in a file of the base, too, and where those begin.
func (b *Base) follow(sums []pageSum, from int) (to int, at basePage) {
	for to = from; to < len(sums); to++ {
		p, known := b.find(sums[to])
		if !known || to > from && (p.file != at.file || p.page != at.page+int32(to-from)) {
			break
		}
		if to == from {
			at = p
		}
	}
	return to, at
}

// compare compares pages with those of the base that they seem to be equal to.
// What cannot be read there is not equal.
func (c *comparer) compare(sums []pageSum, from, to int, at basePage, first int) {
	theirs := c.other[:(to-from)*PageSize]
	n, _ := c.base.kept.files[at.file].ReadAt(theirs, int64(at.page)*PageSize)
	for i := from; i < to; i++ {
		end := (i - from + 1) * PageSize
		if end > n || !bytes.Equal(c.buf[i*PageSize:(i+1)*PageSize], theirs[end-PageSize:end]) {
			sums[i].alone(c.file, first+i)
		}
	}
}

// equality says whether two pages of an image are equal whose sums are.
type equality func(a, b pageRef) (bool, error)

// bySum is that of pages that were hashed.
func bySum(_, _ pageRef) (bool, error) { return true, nil }

// byBytes is that of pages that were summed quickly.
func (i *Image) byBytes() equality {
	one, other := make([]byte, PageSize), make([]byte, PageSize)
	return func(a, b pageRef) (bool, error) {
		err := firstError(readPages(i.Pages[a.image], a.page, one), readPages(i.Pages[b.image], b.page, other))
		return bytes.Equal(one, other), err
	}
}
