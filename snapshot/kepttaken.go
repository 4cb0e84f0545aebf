package snapshot

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/cespare/xxhash/v2"
)

// source is a file of an image.
type source interface {
	io.ReaderAt
	io.Closer
}

// original is an image that is to be kept.
type original struct {
	open func(name string) (source, error)
	sums map[string][]uint64 // of the pages of files, where they are known
}

func fromDir(dir *os.Root) original {
	return original{open: func(name string) (source, error) { return dir.Open(name) }}
}

// keepTaken keeps an image that was just taken, as it is in memory: the next
// start on this node is most often from the newest snapshot. Like Keep, it is
// called in the background. That it cannot is nobody's concern. Its pages may have
// been summed, quickly.
func (c *Cache) keepTaken(ctx context.Context, m Manifest, sum string, image *Image, sums [][]pageSum) {
	if !c.lacks(m, sum) {
		return
	}
	from := original{open: image.open, sums: map[string][]uint64{}}
	for i := range sums {
		from.sums[image.Pages[i].Name] = keptSums(sums[i])
	}
	_ = c.keep(ctx, m, sum, from)
}

// keptSums are the sums of a kept image in quick ones.
func keptSums(quick []pageSum) []uint64 {
	var zeros [PageSize]byte
	ofZeros := xxhash.Sum64(zeros[:])
	sums := make([]uint64, len(quick))
	for i := range quick {
		if sums[i] = ofZeros; quick[i] != (pageSum{}) {
			sums[i] = binary.LittleEndian.Uint64(quick[i][:])
		}
	}
	return sums
}

func (i *Image) open(name string) (source, error) {
	for _, f := range i.Files {
		if f.Name == name {
			return inMemory{bytes.NewReader(f.Data)}, nil
		}
	}
	for _, p := range i.Pages {
		if p.Name == name {
			return inMemory{p.Reader}, nil
		}
	}
	return nil, fmt.Errorf("image file %s: %w", name, fs.ErrNotExist)
}

// inMemory is closed with the image.
type inMemory struct{ io.ReaderAt }

func (inMemory) Close() error { return nil }
