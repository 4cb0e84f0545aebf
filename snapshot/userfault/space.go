package userfault

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

const (
	// around is how much is filled at once where the process touches a page, in
	// bytes: what lies beside it is often touched next, and being asked costs
	// more than these pages. It is less as long as is noted what is touched.
	around        = 16 * PageSize
	aroundTracing = 4 * PageSize
	// piece is how much is filled at once that nobody has asked for.
	piece = 64 * PageSize
	// spare is how much is given back to the kernel at once where a process
	// touches memory that has no contents, such as what it gets for new objects.
	spare = 256 * PageSize
)

// space is the memory of one process.
type space struct {
	fd      int
	source  Source
	pid     int
	pending regions
	early   early
	again   []uint64 // faults that could not be served yet
	gone    bool     // the process is
	asked   int      // faults
	tracing bool     // what is touched is noted
	touched []Touched
}

func newSpace(fd int, src Source, m Missing) *space {
	return &space{fd: fd, source: src, pid: m.PID, pending: slices.Clone(m.Regions), early: newEarly(m)}
}

// errLater says that the kernel has something to tell first.
var errLater = errors.New("messages come first")

// handle does what a message asks for. It returns the child that one tells of.
func (s *space) handle(m message) (child *space, err error) {
	switch m.kind {
	case isFault:
		s.asked++
		return nil, s.fault(m.b &^ (PageSize - 1))
	case isFork:
		return newSpace(int(int32(m.a)), s.source, Missing{Regions: s.pending}), nil
	case isRemap:
		s.pending = s.pending.moved(m.a, m.b, m.c)
	case isRemove, isUnmap:
		s.pending = s.pending.without(m.a, m.b)
	default:
		return nil, fmt.Errorf("userfaultfd: unknown message %#x", m.kind)
	}
	return nil, nil
}

// fault gives the process the page that it waits for.
func (s *space) fault(page uint64) error {
	r, found := s.pending.find(page)
	var err error
	if found {
		err = s.give(r, page)
	} else {
		err = s.letGo(page)
	}
	if errors.Is(err, errLater) {
		s.again = append(s.again, page)
		return nil
	}
	return err
}

// give fills a page of a region that is waited for, and then, as far as it is at
// hand, what lies around it.
func (s *space) give(r Region, page uint64) error {
	bytes := uint64(around)
	if s.tracing {
		bytes = aroundTracing
	}
	from := page &^ (bytes - 1)
	r = r.Between(from, from+bytes)
	if s.tracing {
		s.touched = append(s.touched, Touched{s.pid, r.Start, r.End})
	}
	if s.source.AtHand(r.File, r.Offset, r.bytes()) {
		return s.copy(r)
	}
	if err := s.copy(r.Between(page, page+PageSize)); err != nil {
		return err
	}
	for _, side := range []Region{r.Between(r.Start, page), r.Between(page+PageSize, r.End)} {
		if side.Start < side.End && s.source.AtHand(side.File, side.Offset, side.bytes()) {
			if err := s.copy(side); err != nil {
				return err
			}
		}
	}
	return nil
}

// retry serves faults for which it was too early.
func (s *space) retry() error {
	pages := s.again
	s.again = nil
	for _, page := range pages {
		if err := s.fault(page); err != nil {
			return err
		}
	}
	return nil
}

// letGo gives memory without contents back to the kernel, which knows best how
// to make it.
func (s *space) letGo(page uint64) error {
	from := page &^ (spare - 1)
	start, end := s.pending.gap(page, from, from+spare)
	if err := release(s.fd, start, end); err != nil { // it is not ours any more, or the process has ended
		return s.outcome(wake(s.fd, page))
	}
	return nil
}

// outcome tells a process that has ended from a failure.
func (s *space) outcome(err error) error {
	switch {
	case errors.Is(err, unix.ESRCH):
		s.gone = true
		return nil
	case errors.Is(err, unix.EAGAIN):
		return errLater
	case err != nil:
		return fmt.Errorf("userfaultfd: %w", err)
	}
	return nil
}

// fillPiece fills what comes next.
func (s *space) fillPiece() error {
	r := s.pending[0]
	return s.copy(r.Between(r.Start, r.Start+piece))
}

// copy fills a part of a region.
func (s *space) copy(r Region) error {
	for r.Start < r.End && !s.gone {
		src, err := s.source.Bytes(r.File, r.Offset, r.bytes())
		if err != nil {
			return err
		}
		n, err := fill(s.fd, r.Start, src)
		s.pending = s.pending.without(r.Start, r.Start+uint64(n))
		r = r.Between(r.Start+uint64(n), r.End)
		if err != nil && n == 0 {
			if r, err = s.obstacle(r, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// obstacle deals with memory that cannot be filled, and returns what is to be
// filled next.
func (s *space) obstacle(r Region, err error) (Region, error) {
	page := r.Between(r.Start, r.Start+PageSize)
	switch {
	case errors.Is(err, unix.ENOENT) && r.bytes() > PageSize: // it is in several mappings
		for err = nil; err == nil && r.Start < r.End && !s.gone; r = r.Between(r.Start+PageSize, r.End) {
			err = s.copy(r.Between(r.Start, r.Start+PageSize))
		}
		return r, err
	case errors.Is(err, unix.EEXIST), errors.Is(err, unix.ENOENT): // it is there, or its mapping is gone
		s.pending = s.pending.without(page.Start, page.End)
		return r.Between(page.End, r.End), s.outcome(wake(s.fd, page.Start))
	}
	return r, s.outcome(err)
}
