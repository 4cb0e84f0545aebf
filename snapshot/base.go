package snapshot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pronghorn-faas/pronghorn/internal/background"
)

// errChanged says that an image changed while it was being read.
var errChanged = errors.New("the image is not what it was")

// Base is what a new snapshot may share with the one that the process was
// restored from: where in the pool its pages are, by their contents. It takes
// about 80 bytes for each page that is not zero, 2 % of the image.
type Base struct {
	function string
	packs    []PackRef
	pages    map[pageSum]location
}

// location is a page in a pack, both by number.
type location struct{ pack, page int32 }

// NewBase reads the assembled image of the snapshot m in dir, which may go
// afterwards. It uses one CPU, as a function is running meanwhile.
func NewBase(ctx context.Context, m Manifest, dir string) (b *Base, err error) {
	background.Do(func() { b, err = newBase(ctx, m, dir) })
	return b, err
}

func newBase(ctx context.Context, m Manifest, dir string) (*Base, error) {
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("%w: manifest: %w", ErrCorrupt, err)
	}
	b := emptyBase(m)
	for _, p := range m.Pages {
		if err := b.addFile(ctx, p, dir); err != nil {
			return nil, fmt.Errorf("hash the pages of snapshot %s: %w", m.ID, err)
		}
	}
	return b, nil
}

// emptyBase is one of a snapshot whose pages are to be added.
func emptyBase(m Manifest) *Base {
	return &Base{function: m.Function, packs: m.Packs, pages: make(map[pageSum]location, pagesIn(m.Packs))}
}

// baseOf is NewBase of an image whose pages were summed and placed already.
func baseOf(m Manifest, sums [][]pageSum, runs [][]run) *Base {
	b := emptyBase(m)
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

func pagesIn(packs []PackRef) int {
	n := 0
	for _, p := range packs {
		for _, f := range p.Frames {
			n += f.Pages
		}
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

func (b *Base) addRuns(sums []pageSum, runs []run) {
	for _, r := range runs {
		if r.pack != zero {
			for i, sum := range sums[:r.pages] {
				b.pages[sum] = location{int32(r.pack), int32(r.first + i)}
			}
		}
		sums = sums[r.pages:]
	}
}
