package snapshot

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Image is the image of a process as a dump leaves it.
type Image struct {
	// Files are the images that hold no pages, sorted by name.
	Files []ImageFile
	// Pages are the images that hold pages, sorted by name.
	Pages []ImagePages
	// LeaveOutZeros, unless it is nil, takes those pages of zeros out of the image
	// that a restore does without. It is told which pages of each of Pages hold
	// nothing but zeros, changes Files and Pages, and returns which pages of each
	// of Pages are left. Store calls it, once.
	LeaveOutZeros func(zero [][]bool) (kept [][]bool, err error)
	// Later, unless it is nil, returns which of the pages of each of Pages may come
	// later in a restore, or nil if none may. Store calls it, after LeaveOutZeros.
	Later func() ([][]bool, error)
	// Release frees what the image holds; nil if it holds nothing.
	Release func() error
}

// ImageFile is an image file as a whole.
type ImageFile struct {
	Name string
	Data []byte
}

// ImagePages is an image file that holds pages.
type ImagePages struct {
	Name string
	// Bytes is its size, a multiple of PageSize.
	Bytes int64
	// Reader gives the same bytes every time, until the image is closed; it is
	// read by several goroutines at once.
	Reader io.ReaderAt
}

// Close frees what the image holds. Closing it again does nothing.
func (i *Image) Close() error {
	if i == nil || i.Release == nil {
		return nil
	}
	release := i.Release
	i.Release = nil
	return release()
}

// OpenImage opens the image that lies in a directory, which must not change
// until it is closed. Logs and statistics of CRIU ("*.log", "stats-*") are left
// out; a directory or a link is an error. Files without pages are read into
// memory, files of pages are not.
func OpenImage(dir string) (*Image, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list the image directory: %w", err)
	}
	open := &openImage{dir: dir}
	image := &Image{Release: open.close}
	for _, e := range entries {
		if skipped(e.Name()) {
			continue
		}
		if err := open.add(image, e); err != nil {
			return nil, errors.Join(err, open.close())
		}
	}
	if len(image.Files) == 0 {
		return nil, errors.Join(&fs.PathError{Op: "open", Path: dir, Err: errors.New("no image files in the directory")}, open.close())
	}
	slices.SortFunc(image.Files, func(a, b ImageFile) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(image.Pages, func(a, b ImagePages) int { return cmp.Compare(a.Name, b.Name) })
	return image, nil
}

// skipped names what CRIU leaves beside the images and no restore reads.
func skipped(name string) bool {
	return strings.HasSuffix(name, ".log") || strings.HasPrefix(name, "stats-")
}

// holdsPages names the images that consist of pages of memory.
func holdsPages(name string) bool {
	return strings.HasPrefix(name, "pages-") && strings.HasSuffix(name, ".img")
}

// openImage holds the open files of an image directory.
type openImage struct {
	dir   string
	files []*os.File
}

func (o *openImage) close() error {
	var errs []error
	for _, f := range o.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

func (o *openImage) add(image *Image, e fs.DirEntry) error {
	path := filepath.Join(o.dir, e.Name())
	info, err := e.Info()
	if err != nil {
		return fmt.Errorf("list the image directory: %w", err)
	}
	if !info.Mode().IsRegular() {
		return &fs.PathError{Op: "open", Path: path, Err: fmt.Errorf("want regular files only, this is %v", info.Mode())}
	}
	if err := checkName("image file", e.Name()); err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	if holdsPages(e.Name()) && info.Size()%PageSize == 0 {
		return o.addPages(image, path, info.Size())
	}
	data, err := os.ReadFile(path)
	image.Files = append(image.Files, ImageFile{Name: e.Name(), Data: data})
	return err
}

func (o *openImage) addPages(image *Image, path string, size int64) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open an image file: %w", err)
	}
	o.files = append(o.files, f)
	image.Pages = append(image.Pages, ImagePages{Name: filepath.Base(path), Bytes: size, Reader: f})
	return nil
}

// timing says which pages of which image files may come later in a restore; nil
// = none may.
type timing [][]bool

// now reports whether a page is needed at once.
func (t timing) now(image, page int) bool { return t == nil || !t[image][page] }

// later returns which pages may come later.
func (i *Image) later() (timing, error) {
	if i.Later == nil {
		return nil, nil
	}
	later, err := i.Later()
	if err != nil || later == nil {
		return nil, err
	}
	for n, p := range i.Pages {
		if len(later) != len(i.Pages) || int64(len(later[n])) != p.Bytes/PageSize {
			return nil, fmt.Errorf("%s: it is not said of each page whether it may come later", p.Name)
		}
	}
	return later, nil
}
