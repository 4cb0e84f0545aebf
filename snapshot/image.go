package snapshot

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Image is a process image as a dump leaves it.
type Image struct {
	// Files are the metadata images, whole, sorted by name.
	Files []ImageFile
	// Pages are the pages-N.img, sorted by name.
	Pages []ImagePages
	// Release frees what the image holds; nil = nothing.
	Release func() error
}

// ImageFile is a metadata image.
type ImageFile struct {
	Name string
	Data []byte
}

// ImagePages is the content of memory: a pages-N.img.
type ImagePages struct {
	Name   string
	Bytes  int64
	Reader io.ReaderAt
}

// Close frees the image; its readers must not be used any more.
func (i *Image) Close() error {
	if i.Release == nil {
		return nil
	}
	release := i.Release
	i.Release = nil
	return release()
}

// OpenImage opens the image in a directory: pages-*.img are its pages,
// everything else, without logs and statistics, its files.
func OpenImage(dir string) (*Image, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open image: %w", err)
	}
	img := &Image{}
	var open []*os.File
	img.Release = func() error {
		var errs []error
		for _, f := range open {
			errs = append(errs, f.Close())
		}
		return errors.Join(errs...)
	}
	for _, e := range entries {
		name := e.Name()
		if !e.Type().IsRegular() || strings.HasSuffix(name, ".log") || strings.HasPrefix(name, "stats-") {
			continue
		}
		f, err := img.add(filepath.Join(dir, name), name)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open image: %w", err), img.Close())
		}
		if f != nil {
			open = append(open, f)
		}
	}
	slices.SortFunc(img.Files, func(a, b ImageFile) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(img.Pages, func(a, b ImagePages) int { return strings.Compare(a.Name, b.Name) })
	return img, nil
}

func (i *Image) add(path, name string) (*os.File, error) {
	if !strings.HasPrefix(name, "pages-") {
		data, err := os.ReadFile(path)
		i.Files = append(i.Files, ImageFile{Name: name, Data: data})
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return f, err
	}
	i.Pages = append(i.Pages, ImagePages{Name: name, Bytes: info.Size(), Reader: f})
	return f, nil
}
