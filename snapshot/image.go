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

	"github.com/pronghorn-faas/pronghorn/snapshot/userfault"
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
	// Times, unless it is nil, returns when in a restore the pages of each of Pages
	// are needed. Store calls it, after LeaveOutZeros.
	Times func() ([][]Time, error)
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

// Time says when in a restore a page is needed.
type Time uint8

const (
	// First is before whoever restores the image can begin.
	First Time = iota
	// Soon is before the process runs.
	Soon
	// Late is afterwards.
	Late
)

// TimesOf says when the pages of files are needed, by their names, of which sizes has
// the numbers of pages: what is not missing is there first.
func TimesOf(missing []userfault.Missing, sizes map[string]int) map[string][]Time {
	times := map[string][]Time{}
	for name, n := range sizes {
		given, later := map[string][]bool{name: make([]bool, n)}, map[string][]bool{name: make([]bool, n)}
		for _, of := range missing {
			of.MarkGiven(given)
			of.MarkLater(later)
		}
		times[name] = make([]Time, n)
		for page := range times[name] {
			switch {
			case later[name][page]:
				times[name][page] = Late
			case given[name][page]:
				times[name][page] = Soon
			}
		}
	}
	return times
}

// timing says when the pages of image files are needed; nil = all of them Soon.
type timing [][]Time

func (t timing) of(image, page int) Time {
	if t == nil {
		return Soon
	}
	return t[image][page]
}

// late reports whether a page may come when the process runs.
func (t timing) late(image, page int) bool { return t.of(image, page) == Late }

// anyLate reports whether any page may.
func (t timing) anyLate() bool {
	return slices.ContainsFunc(t, func(of []Time) bool { return slices.Contains(of, Late) })
}

// times returns when the pages are needed.
func (i *Image) times() (timing, error) {
	if i.Times == nil {
		return nil, nil
	}
	times, err := i.Times()
	if err != nil {
		return nil, err
	}
	for n, p := range i.Pages {
		if len(times) != len(i.Pages) || int64(len(times[n])) != p.Bytes/PageSize {
			return nil, fmt.Errorf("%s: it is not said of each page when it is needed", p.Name)
		}
	}
	return times, nil
}
