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
	index

	mu      sync.Mutex
	changed sync.Cond
	planned bool
	settled bool    // all that is needed is in its place
	needs   needs   // what is not in its place yet
	passed  passed  // the one that was last unpacked in passing
	err     error   // why frames will never come
	unkept  []*load // what is still to be put into the cache

	completed atomic.Bool
	ready     chan struct{} // closed when all that is needed is in its place
	arrived   chan struct{} // closed when all frames are here, or err is set
	cancel    context.CancelFunc
	keeping   sync.WaitGroup // until nothing more is put into the cache
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

func newLater(a *assembler, m Manifest, parts []part) (*later, error) {
	x, err := newIndex(m, parts)
	if err != nil {
		return nil, err
	}
	l := &later{assembler: a, index: x, ready: make(chan struct{}), arrived: make(chan struct{})}
	l.changed.L = &l.mu
	return l, nil
}

func (l *later) free() error {
	if l == nil {
		return nil
	}
	l.keeping.Wait()
	return l.memory.free()
}

// begin gets all frames, until ctx ends, and returns when those that are needed
// are in their places. After an error it does not go on.
func (l *later) begin(ctx context.Context, parts []part) error {
	ctx, l.cancel = context.WithCancel(ctx)
	l.keeping.Go(func() {
		err := l.assemble(ctx, l.index.manifest, parts)
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
	unpack := l.needs.first[h] || l.needs.early[h]
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
	l.needs = l.choose(missing)
	for _, some := range []map[*held]bool{l.needs.first, l.needs.early} {
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

// settle says that all is in its place that is needed, if it is.
func (l *later) settle() error {
	l.mu.Lock()
	last := l.planned && len(l.needs.first) == 0 && !l.settled
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
	for i, p := range l.index.manifest.Pages {
		for _, page := range l.needs.filed[p.Name] {
			of := l.pages[p.Name][page]
			if of.inFile {
				continue
			}
			whole := piece{file: int32(len(l.index.manifest.Files) + i), from: int32(of.from), bytes: PageSize, at: int64(page) * PageSize}
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
	delete(l.needs.first, h)
	delete(l.needs.early, h)
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
