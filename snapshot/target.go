package snapshot

import (
	"errors"
	"fmt"
	"os"
)

// target is the directory that an image is assembled in.
type target struct {
	root  *os.Root
	files []*os.File // those of Manifest.Files, then those of Manifest.Pages
	names []string   // of what was made
	pages []int64    // sizes of the files that hold pages
}

// piece is a part of a frame that belongs somewhere in an image.
type piece struct {
	file  int32 // index into target.files
	from  int32 // where in the frame, in bytes
	bytes int32
	at    int64 // where in the file
}

// newTarget makes all files of an image, those that hold no pages with their sizes;
// what is not written reads as zeros. Files that are there already are an error.
func newTarget(dir string, m Manifest) (*target, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the image directory: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the image directory: %w", err)
	}
	t := &target{root: root}
	for _, f := range m.Files {
		err = firstError(err, t.create(f.Name, f.Bytes))
	}
	for _, p := range m.Pages {
		err = firstError(err, t.create(p.Name, 0))
		t.pages = append(t.pages, p.Bytes)
	}
	if err != nil {
		return nil, errors.Join(err, t.discard())
	}
	return t, nil
}

func (t *target) create(name string, size int64) error {
	f, err := t.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	t.files, t.names = append(t.files, f), append(t.names, name)
	return f.Truncate(size)
}

// stretch gives the files that hold pages their sizes. Before that they are as large
// as what was written.
func (t *target) stretch() error {
	for i, f := range t.files[len(t.files)-len(t.pages):] {
		if err := f.Truncate(t.pages[i]); err != nil {
			return err
		}
	}
	return nil
}

// close completes the image.
func (t *target) close() error {
	var errs []error
	for _, f := range t.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(append(errs, t.root.Close())...)
}

// discard removes everything that was made.
func (t *target) discard() error {
	var errs []error
	for _, name := range t.names {
		errs = append(errs, t.root.Remove(name))
	}
	return errors.Join(append(errs, t.close())...)
}

// write puts the pieces of a frame in their places.
func (t *target) write(raw []byte, pieces []piece) error {
	for _, p := range pieces {
		if _, err := t.files[p.file].WriteAt(raw[p.from:p.from+p.bytes], p.at); err != nil {
			return err
		}
	}
	return nil
}
