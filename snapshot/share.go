package snapshot

import (
	"cmp"
	"slices"
	"sort"
)

const (
	// maxShared is how many packs of others a snapshot refers to at most, and
	// minShared the part of its pages that each of them has at least, one in so
	// many: every pack is a request when it is restored.
	maxShared = 6
	minShared = 64
	// minUse is the part of a frame's pages from which it is worth reading the
	// frame for them, rather than storing the pages again, and minNow that from
	// which it is worth unpacking it before a process runs: one in so many.
	minUse = 3
	minNow = 2
)

// frameUse is how a snapshot could use a frame of another one's pack.
type frameUse struct {
	Frame
	used int // pages
	now  int // of those, the ones that are needed before the process runs
	// thin says that there are too few of the latter to share them.
	thin bool
}

// sharing decides which pages are shared. The pages of an image age: after many
// generations those that are still the same lie thinly spread over many packs,
// all of which a restorer would have to read. So pages of frames that are hardly
// used, and of packs that have few or are beyond maxShared, are stored again, and so
// are the few of a frame that are needed before the process runs beside many that are
// not.
type sharing struct {
	base   *Base
	frames map[int32][]frameUse // by the base's pack: all frames, ascending
	pages  int                  // of the image
}

// newSharing looks at the pages of an image. Packs that may not be shared, or
// are encrypted with another key than the new pack is, do not count.
func newSharing(b *Base, share []string, function, keyID string, images [][]pageSum, times timing) *sharing {
	s := &sharing{base: b, frames: map[int32][]frameUse{}}
	if b == nil || b.function != function {
		return s
	}
	for i, p := range b.packs {
		if p.KeyID == keyID && slices.Contains(share, p.ID) {
			s.frames[int32(i)] = usesOf(p.Frames)
		}
	}
	for _, sums := range images {
		s.pages += len(sums)
	}
	seen := map[location]bool{}
	s.count(images, times, false, seen)
	s.count(images, times, true, seen)
	s.drop(times.anyLate())
	return s
}

func usesOf(frames []Frame) []frameUse {
	uses := make([]frameUse, 0, len(frames))
	for _, f := range frames {
		uses = append(uses, frameUse{Frame: f})
	}
	return uses
}

// count counts the pages that are needed before the process runs, or those that
// are not, each once, however often it is in the image.
func (s *sharing) count(images [][]pageSum, times timing, late bool, seen map[location]bool) {
	for image, sums := range images {
		for page, sum := range sums {
			if times.late(image, page) != late {
				continue
			}
			at, known := s.base.find(sum)
			if !known || seen[at.location] {
				continue
			}
			if f := s.frameOf(at.location); f != nil {
				seen[at.location] = true
				f.used++
				if !late {
					f.now++
				}
			}
		}
	}
}

// drop forgets the frames, and the packs, that are not worth reading. timed says
// that not all pages are needed before the process runs.
func (s *sharing) drop(timed bool) {
	var packs []int32
	used := map[int32]int{}
	for pack, frames := range s.frames {
		for i := range frames {
			frames[i].weigh(timed)
			used[pack] += frames[i].used
		}
		if used[pack] > 0 && used[pack]*minShared >= s.pages {
			packs = append(packs, pack)
		} else {
			delete(s.frames, pack)
		}
	}
	slices.SortFunc(packs, func(a, b int32) int { return cmp.Or(used[b]-used[a], int(a-b)) })
	for _, pack := range packs[min(len(packs), maxShared):] {
		delete(s.frames, pack)
	}
}

// weigh decides what of a frame is worth sharing.
func (f *frameUse) weigh(timed bool) {
	if timed && f.now*minNow < f.Pages {
		f.thin = true
		f.used -= f.now
	}
	if f.used*minUse < f.Pages {
		f.used = 0
	}
}

// frameOf returns the frame that holds the page, or nil if it is not shared.
func (s *sharing) frameOf(at location) *frameUse {
	frames := s.frames[at.pack]
	i := sort.Search(len(frames), func(i int) bool { return frames[i].First+frames[i].Pages > int(at.page) })
	if i == len(frames) || frames[i].First > int(at.page) {
		return nil
	}
	return &frames[i]
}

// find returns where a page is shared from, which may be needed late.
func (s *sharing) find(sum pageSum, late bool) (location, bool) {
	if len(s.frames) == 0 {
		return location{}, false
	}
	at, known := s.base.find(sum)
	if !known {
		return location{}, false
	}
	f := s.frameOf(at.location)
	return at.location, f != nil && f.used > 0 && (late || !f.thin)
}

// packs returns what is referred to, and the index that each of the base's
// packs has in a manifest, where the snapshot's own comes first.
func (s *sharing) packs() (refs []PackRef, index map[int32]int) {
	index = map[int32]int{}
	for i := range int32(len(s.base.packsOrNone())) {
		frames, shared := s.frames[i]
		if !shared {
			continue
		}
		ref := s.base.packs[i]
		ref.Frames = nil
		for _, f := range frames {
			if f.used > 0 {
				ref.Frames = append(ref.Frames, f.Frame)
			}
		}
		refs = append(refs, ref)
		index[i] = len(refs)
	}
	return refs, index
}

func (b *Base) packsOrNone() []PackRef {
	if b == nil {
		return nil
	}
	return b.packs
}
