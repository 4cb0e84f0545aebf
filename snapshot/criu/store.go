package criu

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/pronghorn-faas/pronghorn/snapshot/userfault"
)

const (
	pageSize = 4096
	hugePage = userfault.HugeSize
)

// How much one read takes from the socket, in bytes: into memory as much as
// there is; on its way to a file what a CPU's cache holds.
const (
	readMemory = 8 << 20
	readFile   = 512 << 10
)

var errReleased = errors.New("the image has been released")

// store keeps a page stream as it comes, headers and all: in memory outside
// the Go heap as far as that goes, the rest in a file that has no name.
type store struct {
	mem    []byte
	file   *os.File
	buffer []byte // on the way to the file
	dir    string
	used   int64

	mu     sync.RWMutex // released against readers
	closed bool
}

// newStore reserves memory, at most limit bytes, and fills the expected bytes
// of it with pages now, so that no page fault is left for the time in which the
// process is frozen. What goes beyond is kept in a file in dir.
func newStore(dir string, limit, expected int64) (*store, error) {
	s := &store{dir: dir}
	if limit > 0 {
		// Twice what is expected: a reservation may count against what all
		// processes together may reserve.
		size := roundUp(min(limit, 2*expected+hugePage), hugePage)
		mem, err := unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
		if err == nil {
			s.mem = mem
			populate(mem[:min(roundUp(expected, hugePage), size)]) // the next request may wait for it
			return s, nil
		}
	}
	return s, s.spill()
}

// populate makes the kernel give pages now, huge ones where it can.
func populate(mem []byte) {
	if len(mem) == 0 {
		return
	}
	_ = unix.Madvise(mem, unix.MADV_HUGEPAGE) // a kernel without them has small ones
	if unix.Madvise(mem, unix.MADV_POPULATE_WRITE) == nil {
		return
	}
	for i := 0; i < len(mem); i += pageSize { // Linux < 5.14
		mem[i] = 0
	}
}

func roundUp(n, to int64) int64 { return (n + to - 1) / to * to }

// spill opens the file for what memory does not hold.
func (s *store) spill() error {
	f, err := os.CreateTemp(s.dir, "pages-*.stream")
	if err != nil {
		return fmt.Errorf("file for the image: %w", err)
	}
	s.file, s.buffer = f, make([]byte, readFile)
	return os.Remove(f.Name()) // it lives as long as it is open
}

// space returns where the next bytes of the stream are to be put.
func (s *store) space() ([]byte, error) {
	if free := int64(len(s.mem)) - s.used; free > 0 {
		return s.mem[s.used : s.used+min(free, readMemory)], nil
	}
	if s.file == nil {
		if err := s.spill(); err != nil {
			return nil, err
		}
	}
	return s.buffer, nil
}

// filled says that n bytes were put there.
func (s *store) filled(n int) error {
	at := s.used - int64(len(s.mem))
	s.used += int64(n)
	if at < 0 {
		return nil
	}
	_, err := s.file.WriteAt(s.buffer[:n], at)
	return err
}

// ReadAt reads from the stream.
func (s *store) ReadAt(p []byte, off int64) (n int, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch {
	case s.closed:
		return 0, errReleased
	case off < 0 || off > s.used:
		return 0, io.EOF
	}
	want := min(int64(len(p)), s.used-off)
	if off < int64(len(s.mem)) {
		n = copy(p[:want], s.mem[off:])
	}
	if int64(n) < want {
		m, err := s.file.ReadAt(p[n:want], off+int64(n)-int64(len(s.mem)))
		if n += m; err != nil {
			return n, err
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Close frees memory and file. It waits for readers; later ones get an error.
func (s *store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	var errs []error
	if s.mem != nil {
		errs = append(errs, unix.Munmap(s.mem))
		s.mem = nil
	}
	if s.file != nil {
		errs = append(errs, s.file.Close())
	}
	return errors.Join(errs...)
}
