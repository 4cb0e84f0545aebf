// Package userfault gives a process its memory: before the process runs all of it,
// or what it will touch at once, and the rest when nobody is in its way. The kernel
// tells of every page that is missing (userfaultfd(2)), and the process waits for it.
//
// It is how a snapshot is restored while its pages are being unpacked, and by more
// than a page at a time. Of a large process most are not touched by the first
// requests.
package userfault

import "errors"

// PageSize is the size of a page of memory, in bytes, HugeSize that of a huge one.
const (
	PageSize = 4096
	HugeSize = 512 * PageSize
)

// Region is memory that a process is still to get: consecutive bytes of a file.
// All are multiples of PageSize.
type Region struct {
	Start, End uint64 // addresses in the process
	File       string
	Offset     int64 // of Start in the file, in bytes
}

func (r Region) bytes() int64 { return int64(r.End - r.Start) }

// Between returns the part of a region between two addresses.
func (r Region) Between(start, end uint64) Region {
	start, end = max(start, r.Start), min(end, r.End)
	r.Offset += int64(start - r.Start)
	r.Start, r.End = start, end
	return r
}

// Missing is what one process is still to get, by addresses.
type Missing struct {
	PID     int // as the process itself sees it
	Regions []Region
	// Soon are parts of Regions that it is going to touch at once: it gets them
	// before it runs.
	Soon []Region
	// Huge are addresses of HugeSize bytes each, private anonymous memory most of
	// which is in Regions: it gets them as a whole before it runs, in a huge page
	// where the kernel has one and allows it. See MayCollapse.
	Huge []uint64
	// Written is memory of other kinds, of which the kernel does not tell when it is
	// missing: it is written before the process runs.
	Written []Region
}

// MarkLater marks which pages of files, by their names, may come after the
// process runs.
func (m Missing) MarkLater(files map[string][]bool) {
	for _, r := range m.Regions {
		r.mark(files[r.File], true)
	}
	for _, r := range m.Soon {
		r.mark(files[r.File], false)
	}
	for _, start := range m.Huge {
		for _, r := range regions(m.Regions).within(Region{Start: start, End: start + HugeSize}) {
			r.mark(files[r.File], false)
		}
	}
}

// MarkGiven marks which pages of files, by their names, the process gets from its
// Pager, before it runs or later.
func (m Missing) MarkGiven(files map[string][]bool) {
	for _, given := range [][]Region{m.Regions, m.Written} {
		for _, r := range given {
			r.mark(files[r.File], true)
		}
	}
}

func (r Region) mark(pages []bool, as bool) {
	for page := r.Offset / PageSize; page < (r.Offset+r.bytes())/PageSize && page < int64(len(pages)); page++ {
		pages[page] = as
	}
}

// Touched is memory that a process has touched.
type Touched struct {
	PID        int
	Start, End uint64
}

// Source has the contents.
type Source interface {
	// Bytes returns n bytes of a file, or less, but whole pages, at least one. It
	// may take its time until they are there; an error says that they will never
	// be. The bytes are read by the kernel only, before the next call. One
	// goroutine calls it.
	Bytes(file string, offset, n int64) ([]byte, error)
	// AtHand reports whether Bytes takes no time for n bytes of a file, which are
	// part of a Region.
	AtHand(file string, offset, n int64) bool
	// Sort returns regions, or parts of them, in the order in which Bytes gives them
	// most quickly.
	Sort(regions []Region) []Region
}

// Pace is how the memory is filled that nobody has asked for yet.
type Pace int32

const (
	// Hold waits to be asked.
	Hold Pace = iota
	// Gently fills while the process has nothing to do, and slowly otherwise.
	Gently
	// Now fills all of it at once.
	Now
)

// ErrClosed is how a Pager ended that was closed.
var ErrClosed = errors.New("the memory was not all filled")
