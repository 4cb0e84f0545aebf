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
func layOut(images [][]pageSum, s *sharing) layout {
	l := layout{runs: make([][]run, len(images))}
	refs, index := s.packs()
	l.packs = refs
	fresh := map[pageSum]int{}
	for image, sums := range images {
		for page, sum := range sums {
			l.runs[image] = extend(l.runs[image], l.place(pageRef{image, page}, sum, fresh, index, s))
		}
	}
	return l
}

func (l *layout) place(ref pageRef, sum pageSum, fresh map[pageSum]int, index map[int32]int, s *sharing) run {
	if sum == (pageSum{}) {
		l.zero++
		return run{pages: 1, pack: zero}
	}
	if at, shared := s.find(sum); shared {
		l.shared++
		return run{pages: 1, pack: index[at.pack], first: int(at.page)}
	}
	n, known := fresh[sum]
	if known {
		l.repeated++
		return run{pages: 1, pack: 0, first: n}
	}
	n = len(l.fresh)
	fresh[sum] = n
	l.fresh = append(l.fresh, ref)
	return run{pages: 1, pack: 0, first: n}
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
