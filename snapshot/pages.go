package snapshot

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/pronghorn-faas/pronghorn/snapshot/userfault"
)

// noBytes are what pages of zeros have, as many as are given at a time.
var noBytes [16 * PageSize]byte

// bring makes sure that bytes of a file are there, the first ones of those, up to
// an end. It returns them if they are in memory, nothing if they are in the file.
func (l *later) bring(file string, offset, n int64) (b []byte, upTo int64, err error) {
	run, err := l.runOf(file, offset, n)
	if err != nil {
		return nil, 0, err
	}
	first, upTo := run[0], offset+int64(len(run))*PageSize
	if first.held == nil {
		return noBytes[:upTo-offset], upTo, nil
	}
	if err := l.here(first.held); err != nil {
		return nil, 0, err
	}
	raw, err := l.contents(first.held)
	if err != nil || first.inFile {
		return nil, upTo, err
	}
	return raw[first.from : first.from+upTo-offset], upTo, nil
}

// passed is a frame that was unpacked for who is given all of it: soon another one
// is, in the same memory.
type passed struct {
	of     *held
	memory []byte
}

// contents returns those of a frame that is here, nothing if they are in the files.
func (l *later) contents(h *held) ([]byte, error) {
	if !h.passing {
		err := l.provide(h)
		return h.raw, err
	}
	if l.passed.of == h {
		return l.passed.memory[:h.frame.Raw], nil
	}
	if l.passed.memory == nil {
		l.passed.memory = l.memory.take(maxFrameRaw + unzipRoom)
	}
	l.passed.of = nil
	raw, err := h.load.framer.unzip(h.frame, h.zipped, l.passed.memory)
	if err == nil {
		l.passed.of = h
	}
	return raw, err
}

// sort splits regions by frames, and puts each frame's together, those that are
// here before others.
func (l *later) sort(regions []userfault.Region) []userfault.Region {
	type part struct {
		userfault.Region
		rank int
	}
	var parts []part
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range regions {
		for r.Start < r.End {
			p := part{Region: r}
			if run, err := l.runOf(r.File, r.Offset, int64(r.End-r.Start)); err == nil { // else Bytes says so
				p = part{r.Between(r.Start, r.Start+uint64(len(run))*PageSize), l.rank(run[0].held)}
			}
			parts = append(parts, p)
			r = r.Between(p.End, r.End)
		}
	}
	slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(a.rank, b.rank) })
	sorted := make([]userfault.Region, len(parts))
	for i, p := range parts {
		sorted[i] = p.Region
	}
	return sorted
}

// rank says how soon a frame can be unpacked, if any need be.
func (l *later) rank(h *held) int {
	switch {
	case h == nil:
		return 0
	case h.load == nil:
		return len(l.frames) + h.number
	}
	return h.number
}

// atHand reports whether bytes of a file need not be waited for, nor unpacked.
// Those that are missing need not: it is known at once that they are.
func (l *later) atHand(file string, offset, n int64) bool {
	pages := l.pages[file]
	first, end := offset/PageSize, (offset+n)/PageSize
	if offset < 0 || end > int64(len(pages)) {
		return true
	}
	for _, p := range pages[first:end] {
		if p.held != nil && p.held != l.passed.of && !p.unpacked() {
			return false
		}
	}
	return true
}

// unpacked reports whether the frame is in its place.
func (h *held) unpacked() bool {
	h.placing.Lock()
	defer h.placing.Unlock()
	return h.placed
}

// complete unpacks the rest, when all of it is here.
func (l *later) complete(ctx context.Context) error {
	<-l.arrived
	if err := l.failed(); err != nil {
		return err
	}
	rest := slices.Collect(maps.Values(l.frames))
	err := inBackground(ctx, len(rest), 1, func() func(int) error {
		return func(i int) error { return l.store(rest[i]) }
	})
	if err == nil {
		l.completed.Store(true)
	}
	return err
}

// store puts a frame that is only in memory into the files.
func (l *later) store(h *held) error {
	if h.passing {
		return h.load.unpackTo(h.frame, h.zipped, l.target.write)
	}
	if err := l.provide(h); err != nil || h.inFile {
		return err
	}
	return l.target.write(h.raw, h.load.pieces[h.frame.N])
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
		b, upTo, err := p.later.bring(file, offset, n)
		if err != nil || b != nil {
			return b, err
		}
		n = upTo - offset
	}
	return p.files.Bytes(file, offset, n)
}

// AtHand implements userfault.Source.
func (p *Pages) AtHand(file string, offset, n int64) bool {
	return p.later == nil || p.later.atHand(file, offset, n)
}

// Sort implements userfault.Source.
func (p *Pages) Sort(regions []userfault.Region) []userfault.Region {
	if p.later != nil {
		return p.later.sort(regions)
	}
	return p.files.Sort(regions)
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
	_ = errors.Join(p.later.target.close(), p.later.free()) // nothing is lost that somebody still needs
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
