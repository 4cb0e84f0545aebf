package snapshot

// pageRef is a page of an image file, both by number.
type pageRef struct{ image, page int }

// layout says where every page of an image is to be found.
type layout struct {
	runs  [][]run   // of every image file
	fresh []pageRef // the pages of the new pack, in order
	packs []PackRef // others' packs; runs count the new one before them
	// How many pages are zero, shared, and equal to a new one.
	zero, shared, repeated int
}

// layOut places every page: zeros nowhere, what can be shared where it is, and
// the rest into the new pack, what is equal once.
//
// Pages are put beside those that are read when they are, in the order in which a
// restore needs them, and, of each time, those that change from snapshot to snapshot
// follow those that most probably do not.
func layOut(images [][]pageSum, s *sharing, equal equality, times timing) (layout, error) {
	l := layout{runs: make([][]run, len(images))}
	refs, index := s.packs()
	l.packs = refs
	places := make([][]run, len(images)) // of every page
	for image, sums := range images {
		places[image] = make([]run, len(sums))
	}
	changing := s.base.changing(images)
	fresh := map[pageSum]int{}
	for _, group := range []struct {
		time     Time
		changing bool
	}{{First, false}, {First, true}, {Soon, false}, {Soon, true}, {Late, false}, {Late, true}} {
		for image, sums := range images {
			for page, sum := range sums {
				if times.of(image, page) != group.time || changing[image][page] != group.changing {
					continue
				}
				r, placed := l.known(sum, group.time == Late, index, s)
				if !placed {
					var err error
					if r, err = l.own(pageRef{image, page}, sum, fresh, equal); err != nil {
						return l, err
					}
				}
				places[image][page] = r
			}
		}
	}
	for image, list := range places {
		for _, r := range list {
			l.runs[image] = extend(l.runs[image], r)
		}
	}
	return l, nil
}

// known places a page that is not to be stored.
func (l *layout) known(sum pageSum, late bool, index map[int32]int, s *sharing) (r run, placed bool) {
	if sum == (pageSum{}) {
		l.zero++
		return run{pages: 1, pack: zero}, true
	}
	at, shared := s.find(sum, late)
	if !shared {
		return r, false
	}
	l.shared++
	return run{pages: 1, pack: index[at.pack], first: int(at.page)}, true
}

// own places a page in the new pack. One whose sum is another page's, which it
// is not equal to, is stored, even if there are more like it.
func (l *layout) own(ref pageRef, sum pageSum, fresh map[pageSum]int, equal equality) (run, error) {
	n, known := fresh[sum]
	if known {
		same, err := equal(ref, l.fresh[n])
		if err != nil {
			return run{}, err
		}
		if same {
			l.repeated++
			return run{pages: 1, pack: 0, first: n}, nil
		}
	} else {
		fresh[sum] = len(l.fresh)
	}
	l.fresh = append(l.fresh, ref)
	return run{pages: 1, pack: 0, first: len(l.fresh) - 1}, nil
}

// extend appends a run, to the last one if it continues that.
func extend(runs []run, r run) []run {
	if n := len(runs); n > 0 {
		last := &runs[n-1]
		if last.pack == r.pack && (r.pack == zero || last.first+last.pages == r.first) {
			last.pages += r.pages
			return runs
		}
	}
	return append(runs, r)
}
