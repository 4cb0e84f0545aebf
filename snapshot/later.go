package snapshot

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/pronghorn-faas/pronghorn/snapshot/userfault"
)

// Later says which pages of an image may be missing when Fetch returns. dir has
// all files that hold no pages. What is left out is needed.
type Later func(dir string) ([]userfault.Missing, error)

// later are the frames of an image that are not needed yet. Those that are here
// were verified, and decrypted.
type later struct {
	*assembler
	manifest Manifest

	mu      sync.Mutex
	changed sync.Cond
	planned bool
	settled bool             // all that is needed is in its place
	needed  map[*held]bool   // those that must be unpacked, and are not
	early   map[*held]bool   // those that are unpacked as soon as they are here, and are not
	filed   map[string][]int // pages that must be in the files, of frames that are unpacked into memory
	passed  passed           // the one that was last unpacked in passing
	frames  map[frameID]*held
	// pages says of each file of pages where its pages are.
	pages  map[string][]heldPage
	memory *arena  // for the frames as they are stored, and the contents of those that are unpacked into memory
	err    error   // why frames will never come
	unkept []*load // what is still to be put into the cache
	// places are where the stored bytes of each frame go, however often it comes.
	places map[frameID][]byte

	completed atomic.Bool
	ready     chan struct{} // closed when all that is needed is in its place
	arrived   chan struct{} // closed when all frames are here, or err is set
	cancel    context.CancelFunc
	keeping   sync.WaitGroup // until nothing more is put into the cache
}

// frameID is a frame of a part.
type frameID struct {
	part *part
	n    int
}

// held is a frame that waits to be unpacked: into the files if whoever restores
// the image reads all of it there, else into memory. Where the staging directory
// is full, a process that runs already could not be given its pages from there.
type held struct {
	load   *load
	frame  Frame
	inFile bool
	// passing says that all of it that is read is given to a process at once: its
	// contents are not kept.
	passing bool
	number  int    // in the order in which they were added
	zipped  []byte // once it is here

	placing sync.Mutex
	placed  bool   // guarded by placing
	raw     []byte // its contents, once placed in memory; guarded by placing before
}

// heldPage is a page of a file: where in a frame it is, in bytes. The zero one is
// a page of zeros.
type heldPage struct {
	*held
	from int64
}

func newLater(a *assembler, m Manifest, parts []part) (*later, error) {
	l := &later{
		assembler: a, manifest: m, needed: map[*held]bool{}, early: map[*held]bool{}, frames: map[frameID]*held{},
		filed: map[string][]int{}, pages: map[string][]heldPage{}, places: map[frameID][]byte{}, ready: make(chan struct{}), arrived: make(chan struct{}),
	}
	l.changed.L = &l.mu
	var bytes int64
	for _, p := range parts {
		for _, f := range p.frames {
			bytes += f.Bytes + f.Raw
		}
	}
	var err error
	if l.memory, err = newArena(bytes + maxFrameRaw + unzipRoom); err != nil {
		return nil, err
	}
	for _, p := range m.Pages {
		l.pages[p.Name] = make([]heldPage, p.Bytes/PageSize)
	}
	for i := range parts {
		for _, f := range parts[i].frames {
			l.add(&parts[i], f)
		}
	}
	return l, nil
}

func (l *later) free() error {
	if l == nil {
		return nil
	}
	l.keeping.Wait()
	return l.memory.free()
}

// add makes a place for a frame, and notes which pages it has.
func (l *later) add(p *part, f Frame) {
	l.places[frameID{p, f.N}] = l.memory.take(f.Bytes)
	if p.isMeta(f) {
		return
	}
	h := &held{frame: f, number: len(l.frames)}
	l.frames[frameID{p, f.N}] = h
	for _, piece := range p.pieces[f.N] {
		pages := l.pages[l.manifest.Pages[int(piece.file)-len(l.manifest.Files)].Name]
		for done := int64(0); done < int64(piece.bytes); done += PageSize {
			pages[(piece.at+done)/PageSize] = heldPage{h, int64(piece.from) + done}
		}
	}
}

// begin gets all frames, until ctx ends, and returns when those that are needed
// are in their places. After an error it does not go on.
func (l *later) begin(ctx context.Context, parts []part) error {
	ctx, l.cancel = context.WithCancel(ctx)
	l.keeping.Go(func() {
		err := l.assemble(ctx, l.manifest, parts)
		if err != nil {
			l.fail(err)
		}
		close(l.arrived)
		l.keep(err)
	})
	select {
	case <-l.ready:
		return nil
	case <-l.arrived: // if it is all there, what is needed is, too
		l.cancel()
		return l.failed()
	}
}

func (l *later) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
	l.changed.Broadcast()
}

func (l *later) failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// take takes a frame that was verified, and unpacks it if it is needed.
func (l *later) take(of *load, f Frame, stored []byte) error {
	zipped, err := of.framer.open(f, stored)
	if err != nil {
		return err
	}
	if of.part.isMeta(f) {
		return of.place(f, zipped)
	}
	h := l.frames[frameID{of.part, f.N}]
	l.mu.Lock()
	h.load, h.zipped = of, zipped
	l.changed.Broadcast()
	unpack := l.needed[h] || l.early[h]
	l.mu.Unlock()
	if unpack {
		return l.provide(h)
	}
	return nil
}

// plan finds out what is needed, now that it can be known.
func (l *later) plan() error {
	missing, err := l.req.Later(l.req.Dir)
	if err != nil {
		return fmt.Errorf("%w: what may come later: %w", ErrCorrupt, err)
	}
	var here []*held
	if len(missing) == 0 {
		if err := l.target.stretch(); err != nil {
			return err
		}
	}
	l.mu.Lock()
	l.choose(missing)
	for _, some := range []map[*held]bool{l.needed, l.early} {
		for h := range some {
			if h.zipped != nil {
				here = append(here, h)
			}
		}
	}
	l.planned = true
	l.mu.Unlock()
	for _, h := range here {
		if err := l.provide(h); err != nil {
			return err
		}
	}
	return l.settle()
}

// choose finds the frames that are needed, those that have any page that is read
// in the files, and those that have pages that are given to the process before it
// runs: its restore may begin without them. Of those that have no others nothing
// is read after that.
func (l *later) choose(missing []userfault.Missing) {
	sizes := map[string]int{}
	for file, pages := range l.pages {
		sizes[file] = len(pages)
	}
	gives, waits := map[*held]bool{}, map[*held]bool{}
	for file, times := range TimesOf(missing, sizes) {
		for page, time := range times {
			of := l.pages[file][page].held
			if of == nil { // zeros
				continue
			}
			switch time {
			case First:
				l.needed[of] = true
				l.filed[file] = append(l.filed[file], page)
			case Soon:
				gives[of] = true
			case Late:
				waits[of] = true
			}
		}
	}
	for h := range l.needed {
		h.inFile = !gives[h] && !waits[h]
	}
	for h := range gives {
		if h.passing = !waits[h] && !l.needed[h]; !h.passing {
			l.early[h] = true
		}
	}
}

// settle says that all is in its place that is needed, if it is.
func (l *later) settle() error {
	l.mu.Lock()
	last := l.planned && len(l.needed) == 0 && !l.settled
	l.settled = l.settled || last
	l.mu.Unlock()
	if !last {
		return nil
	}
	if err := l.file(); err != nil {
		return err
	}
	close(l.ready)
	return nil
}

// file puts single pages into the files, in the order of their places: only when
// the files are as large as they get does the kernel take huge pages for more.
func (l *later) file() error {
	for i, p := range l.manifest.Pages {
		for _, page := range l.filed[p.Name] {
			of := l.pages[p.Name][page]
			if of.inFile {
				continue
			}
			whole := piece{file: int32(len(l.manifest.Files) + i), from: int32(of.from), bytes: PageSize, at: int64(page) * PageSize}
			if err := l.target.write(of.raw, []piece{whole}); err != nil {
				return err
			}
		}
	}
	return l.target.stretch()
}

// provide makes sure that a frame that is here is in its place.
func (l *later) provide(h *held) error {
	if err := l.place(h); err != nil {
		return err
	}
	return l.settle()
}

func (l *later) place(h *held) error {
	h.placing.Lock()
	defer h.placing.Unlock()
	if h.placed {
		return nil
	}
	if err := l.unpack(h); err != nil {
		return err
	}
	h.placed = true
	l.mu.Lock()
	defer l.mu.Unlock()
	h.zipped = nil
	delete(l.needed, h)
	delete(l.early, h)
	return nil
}

// here waits until a frame is here.
func (l *later) here(h *held) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for h.load == nil && l.err == nil {
		l.changed.Wait()
	}
	if h.load == nil {
		return l.err
	}
	return nil
}

func (l *later) unpack(h *held) error {
	if h.inFile {
		return h.load.unpackTo(h.frame, h.zipped, l.target.write)
	}
	if h.raw == nil { // else it was tried before
		h.raw = l.memory.take(h.frame.Raw)
	}
	raw, err := h.load.framer.unzip(h.frame, h.zipped, h.raw)
	if err == nil {
		h.raw = raw
	}
	return err
}
