package snapshot

import (
	"context"
	"fmt"
	"maps"
	"slices"
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
	meta    int // frames of files without pages that are still to come
	planned bool
	needed  map[*held]bool // those that must be in their places, and are not
	frames  map[frameID]*held
	// byPage are the frames of each file of pages, by page; nil is a page of zeros.
	byPage map[string][]*held
	err    error // why frames will never come

	completed atomic.Bool
	ready     chan struct{} // closed when all that is needed is in its place
	arrived   chan struct{} // closed when all frames are here, or err is set
	cancel    context.CancelFunc
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
	zipped []byte // once it is here

	placing sync.Mutex
	placed  bool // guarded by placing
}

func newLater(a *assembler, m Manifest, parts []part) *later {
	l := &later{
		assembler: a, manifest: m, needed: map[*held]bool{}, frames: map[frameID]*held{},
		byPage: map[string][]*held{}, ready: make(chan struct{}), arrived: make(chan struct{}),
	}
	l.changed.L = &l.mu
	for i := range parts {
		for _, f := range parts[i].frames {
			l.add(&parts[i], f)
		}
	}
	return l
}

// add notes which pages a frame has.
func (l *later) add(p *part, f Frame) {
	if p.isMeta(f) {
		l.meta++
		return
	}
	h := &held{frame: f}
	l.frames[frameID{p, f.N}] = h
	for _, piece := range p.pieces[f.N] {
		file := l.manifest.Pages[int(piece.file)-len(l.manifest.Files)]
		if l.byPage[file.Name] == nil {
			l.byPage[file.Name] = make([]*held, file.Bytes/PageSize)
		}
		for page := piece.at / PageSize; page < (piece.at+int64(piece.bytes))/PageSize; page++ {
			l.byPage[file.Name][page] = h
		}
	}
}

// begin gets all frames, until ctx ends, and returns when those that are needed
// are in their places. After an error it does not go on.
func (l *later) begin(ctx context.Context, parts []part) error {
	ctx, l.cancel = context.WithCancel(ctx)
	go func() {
		defer close(l.arrived)
		if err := l.assemble(ctx, l.manifest, parts); err != nil {
			l.fail(err)
		}
	}()
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
		if err := of.place(f, zipped); err != nil {
			return err
		}
		return l.metaPlaced()
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

// metaPlaced finds out what is needed once that can be known.
func (l *later) metaPlaced() error {
	l.mu.Lock()
	l.meta--
	last := l.meta == 0
	l.mu.Unlock()
	if !last {
		return nil
	}
	missing, err := l.req.Later(l.req.Dir)
	if err != nil {
		return fmt.Errorf("%w: what may come later: %w", ErrCorrupt, err)
	}
	var here []*held
	l.mu.Lock()
	for h := range l.neededBut(missing) {
		l.needed[h] = true
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
		mark(optional, of.Regions, true)
		mark(optional, of.Soon, false)
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

func mark(pages map[string][]bool, regions []userfault.Region, as bool) {
	for _, r := range regions {
		of := pages[r.File]
		for page := r.Offset / PageSize; page < (r.Offset+int64(r.End-r.Start))/PageSize && page < int64(len(of)); page++ {
			of[page] = as
		}
	}
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
	if !h.placed {
		if err := h.load.place(h.frame, h.zipped); err != nil {
			return err
		}
		h.placed = true
	}
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

// bring makes sure that the bytes of a file are there.
func (l *later) bring(file string, offset, n int64) error {
	pages := l.byPage[file]
	var last *held
	for page := offset / PageSize; page < (offset+n)/PageSize && page < int64(len(pages)); page++ {
		h := pages[page]
		if h == nil || h == last {
			continue
		}
		if err := l.here(h); err != nil {
			return err
		}
		if err := l.provide(h); err != nil {
			return err
		}
		last = h
	}
	return nil
}

// complete unpacks the rest, when all of it is here.
func (l *later) complete(ctx context.Context) error {
	<-l.arrived
	if err := l.failed(); err != nil {
		return err
	}
	rest := slices.Collect(maps.Values(l.frames))
	err := inBackground(ctx, len(rest), 1, func() func(int) error {
		return func(i int) error { return l.provide(rest[i]) }
	})
	if err == nil {
		l.completed.Store(true)
	}
	return err
}

// Pages are the pages of a fetched image, some of which may be on their way or
// not unpacked yet. It is the Source of a process that is restored from it.
type Pages struct {
	files *userfault.Files
	later *later // nil if all were there from the beginning
}

// Bytes implements userfault.Source.
func (p *Pages) Bytes(file string, offset, n int64) ([]byte, error) {
	if p.later != nil {
		if err := p.later.bring(file, offset, n); err != nil {
			return nil, err
		}
	}
	return p.files.Bytes(file, offset, n)
}

// Close frees what is held of the pages, which are not used any more. There may
// be none.
func (p *Pages) Close() {
	if p == nil {
		return
	}
	p.files.Close()
	if p.later == nil {
		return
	}
	p.later.cancel()
	<-p.later.arrived
	_ = p.later.target.close() // nothing is lost in it that somebody still needs
}

// Arrived waits until all of the image is on this machine and was verified, so
// that nothing can be missing any more: a process may have requests from then on.
// It completes what f says of what was moved.
func (f *Fetched) Arrived(ctx context.Context) error {
	if f.Pages == nil || f.Pages.later == nil {
		return nil
	}
	l := f.Pages.later
	select {
	case <-l.arrived:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	f.note(l.assembler)
	return l.failed()
}

// Complete unpacks what has not been yet: from then on Dir has the image as a
// whole. It gives way to what somebody waits for.
func (f Fetched) Complete(ctx context.Context) error {
	if f.Pages == nil || f.Pages.later == nil {
		return nil
	}
	return f.Pages.later.complete(ctx)
}

// complete reports whether Dir has the image as a whole.
func (f Fetched) complete() bool {
	return f.Pages == nil || f.Pages.later == nil || f.Pages.later.completed.Load()
}

// openPages opens the pages of an image that is complete.
func openPages(dir string, l *later) *Pages { return &Pages{files: userfault.NewFiles(dir), later: l} }

var _ userfault.Source = (*Pages)(nil)

// isMeta reports whether a frame has no pages.
func (p *part) isMeta(f Frame) bool { return f.Pages == 0 }
