package snapshot

import (
	"fmt"

	"github.com/pronghorn-faas/pronghorn/snapshot/userfault"
)

// index says what an image is put together from: which frames there are, where
// their stored bytes go, and in which of them each page is.
type index struct {
	manifest Manifest
	frames   map[frameID]*held
	// pages says of each file of pages where its pages are.
	pages map[string][]heldPage
	// places are where the stored bytes of each frame go, however often it comes.
	places map[frameID][]byte
	memory *arena // for the frames as they are stored, and the contents of those that are unpacked into memory
}

// frameID is a frame of a part.
type frameID struct {
	part *part
	n    int
}

// heldPage is a page of a file: where in a frame it is, in bytes. The zero one is
// a page of zeros.
type heldPage struct {
	*held
	from int64
}

func newIndex(m Manifest, parts []part) (index, error) {
	x := index{manifest: m, frames: map[frameID]*held{}, pages: map[string][]heldPage{}, places: map[frameID][]byte{}}
	var bytes int64
	for _, p := range parts {
		for _, f := range p.frames {
			bytes += f.Bytes + f.Raw
		}
	}
	var err error
	if x.memory, err = newArena(bytes + maxFrameRaw + unzipRoom); err != nil {
		return index{}, err
	}
	for _, p := range m.Pages {
		x.pages[p.Name] = make([]heldPage, p.Bytes/PageSize)
	}
	for i := range parts {
		for _, f := range parts[i].frames {
			x.add(&parts[i], f)
		}
	}
	return x, nil
}

// add makes a place for a frame, and notes which pages it has.
func (x *index) add(p *part, f Frame) {
	x.places[frameID{p, f.N}] = x.memory.take(f.Bytes)
	if p.isMeta(f) {
		return
	}
	h := &held{frame: f, number: len(x.frames)}
	x.frames[frameID{p, f.N}] = h
	for _, piece := range p.pieces[f.N] {
		pages := x.pages[x.manifest.Pages[int(piece.file)-len(x.manifest.Files)].Name]
		for done := int64(0); done < int64(piece.bytes); done += PageSize {
			pages[(piece.at+done)/PageSize] = heldPage{h, int64(piece.from) + done}
		}
	}
}

// needs are what of an image a process needs before it runs.
type needs struct {
	first map[*held]bool   // frames that are read in the files: its restore waits for them
	early map[*held]bool   // those that are unpacked into memory as soon as they are here
	filed map[string][]int // pages that must be in the files, of frames that are unpacked into memory
}

// choose finds the frames that are needed, those that have any page that is read
// in the files, and those that have pages that are given to the process before it
// runs: its restore may begin without them. Of those that have no others nothing
// is read after that.
func (x *index) choose(missing []userfault.Missing) needs {
	n := needs{first: map[*held]bool{}, early: map[*held]bool{}, filed: map[string][]int{}}
	sizes := map[string]int{}
	for file, pages := range x.pages {
		sizes[file] = len(pages)
	}
	gives, waits := map[*held]bool{}, map[*held]bool{}
	for file, times := range TimesOf(missing, sizes) {
		for page, time := range times {
			of := x.pages[file][page].held
			if of == nil { // zeros
				continue
			}
			switch time {
			case First:
				n.first[of] = true
				n.filed[file] = append(n.filed[file], page)
			case Soon:
				gives[of] = true
			case Late:
				waits[of] = true
			}
		}
	}
	for h := range n.first {
		h.inFile = !gives[h] && !waits[h]
	}
	for h := range gives {
		if h.passing = !waits[h] && !n.first[h]; !h.passing {
			n.early[h] = true
		}
	}
	return n
}

// runOf returns those of the first pages that lie in one frame as they do in the
// file, or are zeros. There is at least one.
func (x *index) runOf(file string, offset, n int64) ([]heldPage, error) {
	pages := x.pages[file]
	first, end := offset/PageSize, (offset+n)/PageSize
	if offset < 0 || first >= end || end > int64(len(pages)) {
		return nil, fmt.Errorf("%s has %d pages, pages %d to %d are missing", file, len(pages), first, end)
	}
	run := pages[first:end]
	for i, p := range run {
		follows := p.held == run[0].held && (p.held == nil || p.from == run[0].from+int64(i)*PageSize)
		if !follows || p.held == nil && i == len(noBytes)/PageSize {
			return run[:i], nil
		}
	}
	return run, nil
}
