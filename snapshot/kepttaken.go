package snapshot

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// source is a file of an image.
type source interface {
	io.ReaderAt
	io.Closer
}

// opener opens a file of an image by its name.
type opener func(name string) (source, error)

func fromDir(dir *os.Root) opener {
	return func(name string) (source, error) { return dir.Open(name) }
}

// keepTaken keeps an image that was just taken, as it is in memory: the next
// start on this node is most often from the newest snapshot. Like Keep, it is
// called in the background. That it cannot is nobody's concern.
func (c *Cache) keepTaken(ctx context.Context, m Manifest, sum string, image *Image) {
	if c.lacks(m, sum) {
		_ = c.keep(ctx, m, sum, image.open)
	}
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
