package userfault

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// Files is the Source of files that are complete. It may be used by several
// goroutines at once.
type Files struct {
	dir string

	mu     sync.Mutex
	mapped map[string][]byte
}

// NewFiles returns a source of the files in dir, which are opened when they are
// needed. They may be removed then, but not be written to.
func NewFiles(dir string) *Files { return &Files{dir: dir, mapped: map[string][]byte{}} }

// Bytes implements Source.
func (f *Files) Bytes(file string, offset, n int64) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	content, known := f.mapped[file]
	if !known {
		var err error
		if content, err = mapFile(filepath.Join(f.dir, file)); err != nil {
			return nil, err
		}
		f.mapped[file] = content
	}
	if offset < 0 || n < 0 || offset+n > int64(len(content)) {
		return nil, fmt.Errorf("%s has %d bytes, bytes %d to %d are missing", file, len(content), offset, offset+n)
	}
	return content[offset : offset+n], nil
}

// AtHand implements Source.
func (*Files) AtHand(string, int64, int64) bool { return true }

// Close frees the files; what Bytes has returned must not be used any more.
func (f *Files) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, content := range f.mapped {
		_ = unix.Munmap(content)
		delete(f.mapped, name)
	}
}

func mapFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return nil, err
	}
	content, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", name, err)
	}
	return content, nil
}
