package snapshot

// changing says of every page of an image whether it changes from one snapshot
// to the next: its contents are not the base's, and what the base has in its place
// is in the base's own pack, so that it was new there, too. No later snapshot will
// use most of such pages. In frames of their own they are in nobody's way, when
// among others every restore would have to read them.
//
// What is in the place of a page follows from the last one before it that both
// images have: images are in the order of addresses, and regions of memory grow
// and move as a whole. A mistake costs space only.
func (b *Base) changing(images [][]pageSum) [][]bool {
	all := make([][]bool, len(images))
	for file, sums := range images {
		all[file] = make([]bool, len(sums))
		if b == nil || file >= len(b.runs) {
			continue
		}
		own, offset, aligned := ownPages(b.runs[file]), 0, false
		for page, sum := range sums {
			at, known := b.find(sum)
			switch {
			case known && int(at.file) == file:
				offset, aligned = int(at.page)-page, true
			case !known && aligned && page+offset >= 0 && page+offset < len(own):
				all[file][page] = own[page+offset]
			}
		}
	}
	return all
}

// ownPages says of each page of a file whether it is in the snapshot's own pack.
func ownPages(runs []run) []bool {
	var own []bool
	for _, r := range runs {
		for range r.pages {
			own = append(own, r.pack == 0)
		}
	}
	return own
}
