package userfault

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// readAtOnce is how much is read from a file at once, in bytes: what a CPU's cache
// holds. To map files would cost a page fault for every few pages.
const readAtOnce = 128 << 10

// Files is the Source of files that are complete.
type Files struct {
	dir    string
	open   map[string]*os.File
	buffer []byte // made when it is needed
}

// NewFiles returns a source of the files in dir, which are opened when they are
// needed. They may be removed then, but not be written to.
func NewFiles(dir string) *Files { return &Files{dir: dir, open: map[string]*os.File{}} }

// Bytes implements Source.
func (f *Files) Bytes(file string, offset, n int64) ([]byte, error) {
	from, known := f.open[file]
	if !known {
		var err error
		if from, err = os.Open(filepath.Join(f.dir, file)); err != nil {
			return nil, err
		}
		f.open[file] = from
	}
	if f.buffer == nil {
		f.buffer = make([]byte, readAtOnce)
	}
	b := f.buffer[:min(n, readAtOnce)]
	got, err := from.ReadAt(b, offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if b = b[:got&^(PageSize-1)]; len(b) == 0 {
		return nil, fmt.Errorf("%s: bytes %d to %d are missing", file, offset, offset+n)
	}
	return b, nil
}

// AtHand implements Source.
func (*Files) AtHand(string, int64, int64) bool { return true }

// Sort implements Source.
func (*Files) Sort(regions []Region) []Region { return regions }

// Close closes the files.
func (f *Files) Close() {
	for name, file := range f.open {
		_ = file.Close() // which was only read
		delete(f.open, name)
	}
}
