package snapshot

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"

	"github.com/pronghorn-faas/pronghorn/internal/background"
)

// errChanged says that an image changed while it was being read.
var errChanged = errors.New("the image is not what it was")

// Base is what a new snapshot may share with the one that the process was
// restored from: where in the pool its pages are, by their contents. It takes
// about 80 bytes for each page that is not zero, 2 % of the image, or half of
// that if a cache keeps the image. Close it when it is not needed any more.
type Base struct {
	function string
	packs    []PackRef
	runs     [][]run              // of each file of pages
	pages    map[pageSum]basePage // by SHA-256; nil if the image was kept
	kept     *keptBase
}

// basePage is a page of a base.
type basePage struct {
	location
	file, page int32 // where in the image, if that was kept
}

// location is a page in a pack, both by number.
type location struct{ pack, page int32 }

// find returns where a page with this sum is.
func (b *Base) find(sum pageSum) (p basePage, known bool) {
	if b.kept != nil {
		return b.kept.find(sum)
	}
	p, known = b.pages[sum]
	return p, known
}

// Close closes the image that pages are compared with, if there is one.
func (b *Base) Close() error {
	if b == nil || b.kept == nil {
		return nil
	}
	return b.kept.close()
}

// NewBase hashes the assembled image of the snapshot m in dir, which may go
// afterwards. It uses one CPU, as a function is running meanwhile. Fetched.Base
// does with less where a cache has the image.
func NewBase(ctx context.Context, m Manifest, dir string) (b *Base, err error) {
	background.Do(func() { b, err = newBase(ctx, m, dir) })
	return b, err
}

func newBase(ctx context.Context, m Manifest, dir string) (*Base, error) {
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("%w: manifest: %w", ErrCorrupt, err)
	}
	b := hashedBase(m)
	for _, p := range m.Pages {
		if err := b.addFile(ctx, p, dir); err != nil {
			return nil, fmt.Errorf("hash the pages of snapshot %s: %w", m.ID, err)
		}
	}
	return b, nil
}

// hashedBase is one of a snapshot whose pages are to be added.
func hashedBase(m Manifest) *Base {
	return &Base{function: m.Function, packs: m.Packs, pages: make(map[pageSum]basePage, pagesOf(m))}
}

// baseOf is NewBase of an image whose pages were summed and placed already.
func baseOf(m Manifest, sums [][]pageSum, runs [][]run) *Base {
	b := hashedBase(m)
	for i := range sums {
		b.addRuns(sums[i], runs[i])
	}
	return b
}

// Packs returns the ids of the packs that hold pages of the base.
func (b *Base) Packs() []string {
	if b == nil {
		return nil
	}
	return Manifest{Packs: b.packs}.PackIDs()
}

// pagesOf is how many pages an image has.
func pagesOf(m Manifest) (n int) {
	for _, p := range m.Pages {
		n += int(p.Bytes / PageSize)
	}
	return n
}

func (b *Base) addFile(ctx context.Context, p PageFile, dir string) error {
	runs, err := decodeMap(p.Map, p.Bytes/PageSize, len(b.packs), maxRuns)
	if err != nil {
		return err
	}
	f, err := os.Open(filepath.Join(dir, p.Name))
	if err != nil {
		return err
	}
	defer f.Close()
	sums, err := sumPages(ctx, ImagePages{Name: p.Name, Bytes: p.Bytes, Reader: f}, 1)
	if err != nil {
		return err
	}
	b.addRuns(sums, runs)
	return nil
}

// addRuns adds the pages of the next file.
func (b *Base) addRuns(sums []pageSum, runs []run) {
	for page, p := range placed(len(b.runs), runs) {
		b.pages[sums[page]] = p
	}
	b.runs = append(b.runs, runs)
}

// placed lists the pages of a file that are not zeros, by their numbers.
func placed(file int, runs []run) iter.Seq2[int, basePage] {
	return func(yield func(int, basePage) bool) {
		page := 0
		for _, r := range runs {
			for i := range r.pages {
				if r.pack != zero && !yield(page+i, basePage{location{int32(r.pack), int32(r.first + i)}, int32(file), int32(page + i)}) {
					return
				}
			}
			page += r.pages
		}
	}
}
