package snapshot

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

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
	needed  map[*held]bool // those that must be in their places, and are not
	frames  map[frameID]*held
	// byPage are the frames of each file of pages, by page; nil is a page of zeros.
	byPage map[string][]*held
	// memory has the contents of what is unpacked later, by file, at the offsets
	// that they have there. They are not in the files: where the staging directory
	// is full a process that runs already could not be given its pages.
	memory map[string][]byte
	stored *arena  // of the frames as they are stored
	err    error   // why frames will never come
	unkept []*load // what is still to be put into the cache

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

// held is a frame that waits to be unpacked.
type held struct {
	load   *load
	frame  Frame
	now    bool   // it is needed at once, and goes to the files
	zipped []byte // once it is here

	placing sync.Mutex
	placed  bool // guarded by placing
}

func newLater(a *assembler, m Manifest, parts []part) (*later, error) {
	l := &later{
		assembler: a, manifest: m, needed: map[*held]bool{}, frames: map[frameID]*held{}, memory: map[string][]byte{},
		byPage: map[string][]*held{}, ready: make(chan struct{}), arrived: make(chan struct{}),
	}
	l.changed.L = &l.mu
	var err error
	l.stored, err = newArena(parts)
	for _, p := range m.Pages {
		err = firstError(err, l.makeRoom(p))
	}
	if err != nil {
		return nil, errors.Join(err, l.free())
	}
	for i := range parts {
		for _, f := range parts[i].frames {
			l.add(&parts[i], f)
		}
	}
	return l, nil
}

// makeRoom makes room for the pages of a file, which takes memory when it is
// used.
func (l *later) makeRoom(p PageFile) error {
	l.byPage[p.Name] = make([]*held, p.Bytes/PageSize)
	m, err := reserve(p.Bytes)
	if m != nil {
		l.memory[p.Name] = m
	}
	return err
}

func (l *later) free() error {
	if l == nil {
		return nil
	}
	l.keeping.Wait()
	errs := []error{l.stored.free()}
	for name, m := range l.memory {
		errs = append(errs, unix.Munmap(m))
		delete(l.memory, name)
	}
	return errors.Join(errs...)
}

// add notes which pages a frame has.
func (l *later) add(p *part, f Frame) {
	if p.isMeta(f) {
		return
	}
	h := &held{frame: f}
	l.frames[frameID{p, f.N}] = h
	for _, piece := range p.pieces[f.N] {
		file := l.manifest.Pages[int(piece.file)-len(l.manifest.Files)]
		for page := piece.at / PageSize; page < (piece.at+int64(piece.bytes))/PageSize; page++ {
			l.byPage[file.Name][page] = h
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
	unpack := l.needed[h]
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
	l.mu.Lock()
	for h := range l.neededBut(missing) {
		l.needed[h], h.now = true, true
		if h.zipped != nil {
			here = append(here, h)
		}
	}
	l.planned = true
	l.settle()
	l.mu.Unlock()
	for _, h := range here {
		if err := l.provide(h); err != nil {
			return err
		}
	}
	return nil
}

// neededBut returns the frames that have any page that may not come later, or
// will be needed soon.
func (l *later) neededBut(missing []userfault.Missing) map[*held]bool {
	optional := map[string][]bool{}
	for file, pages := range l.byPage {
		optional[file] = make([]bool, len(pages))
	}
	for _, of := range missing {
		of.MarkLater(optional)
	}
	needed := map[*held]bool{}
	for file, pages := range l.byPage {
		for page, h := range pages {
			if h != nil && !optional[file][page] {
				needed[h] = true
			}
		}
	}
	return needed
}

// settle says that all is in its place that is needed, if it is.
func (l *later) settle() {
	if !l.planned || len(l.needed) > 0 {
		return
	}
	select {
	case <-l.ready:
	default:
		close(l.ready)
	}
}

// provide makes sure that a frame that is here is in its place.
func (l *later) provide(h *held) error {
	h.placing.Lock()
	defer h.placing.Unlock()
	if h.placed {
		return nil
	}
	place := l.intoMemory
	if h.now {
		place = l.target.write
	}
	if err := h.load.unpackTo(h.frame, h.zipped, place); err != nil {
		return err
	}
	h.placed = true
	l.mu.Lock()
	defer l.mu.Unlock()
	h.zipped = nil
	delete(l.needed, h)
	l.settle()
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

// intoMemory puts the pieces of a frame in their places.
func (l *later) intoMemory(raw []byte, pieces []piece) error {
	for _, p := range pieces {
		file := l.manifest.Pages[int(p.file)-len(l.manifest.Files)]
		copy(l.memory[file.Name][p.at:], raw[p.from:p.from+p.bytes])
	}
	return nil
}
