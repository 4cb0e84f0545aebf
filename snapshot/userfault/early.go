package userfault

import "slices"

// early is what a process gets before it runs.
type early struct {
	huge    []uint64 // huge pages that are still to be made
	made    []uint64 // those that were, which nobody watches until they are full
	written regions  // what is to be written, as the kernel does not tell of it
	soon    regions  // what of the process's pending regions it needs
	ordered bool     // order was made
	order   []Region // what is still to be given, as the source gives it most quickly
}

func newEarly(m Missing) early {
	return early{huge: slices.Clone(m.Huge), written: slices.Clone(m.Written), soon: slices.Clone(m.Soon)}
}

// over reports whether the process has all of it.
func (e *early) over() bool {
	if e.ordered {
		return len(e.order)+len(e.made) == 0
	}
	return len(e.huge)+len(e.written)+len(e.soon) == 0
}

// fillEarly does the next piece of it: first huge pages, as they change how the rest
// is given.
func (s *space) fillEarly() error {
	e := &s.early
	switch {
	case len(e.huge) > 0:
		return s.makeHuge()
	case !e.ordered:
		s.putInOrder()
	case len(e.order) > 0:
		return s.giveEarly()
	default:
		s.watchMade()
	}
	return nil
}

func (s *space) putInOrder() {
	wanted := slices.Clone(s.early.written)
	for _, r := range s.early.soon {
		wanted = append(wanted, s.pending.within(r)...)
	}
	s.early.order, s.early.ordered = s.source.Sort(wanted), true
}

// giveEarly gives what comes next in the order, about a piece.
func (s *space) giveEarly() error {
	for given := int64(0); given < piece && len(s.early.order) > 0; {
		r := s.early.order[0]
		if err := s.giveBefore(r); err != nil {
			return err
		}
		s.early.order = s.early.order[1:]
		given += r.bytes()
	}
	return nil
}

func (s *space) giveBefore(r Region) error {
	if _, is := s.early.written.find(r.Start); is {
		return s.write(r)
	}
	for _, part := range s.pending.within(r) {
		if err := s.copy(part); err != nil {
			return err
		}
	}
	return nil
}
