package snapshot

import (
	"context"
	"sync/atomic"
	"time"
)

const (
	// framePages is how many pages a frame gets. Larger ones compress a little
	// better; of smaller ones less is read for a page that others share.
	framePages = 128
	// metaFrame is how large a frame of metadata is at most, in bytes.
	metaFrame = framePages * PageSize
	// frameBatch is how many frames a worker makes before those that were made
	// meanwhile are put in order.
	frameBatch = 8
)

// packed is an image that is ready to be sent.
type packed struct {
	manifest Manifest
	pack     *spool
	stored   Stored
	// raw is the manifest as it is stored.
	raw []byte
	// quick are the sums of the pages, if they are quick ones.
	quick [][]pageSum
}

// packer packs one image.
type packer struct {
	framer
	image *Image
	out   *spool
	next  int // number of the next frame
	pages int // that were packed
	// buffers are the workers', for the contents of a frame and what becomes of them.
	buffers [][2][]byte
}

// packAndClose packs an image, has it kept in the cache, and closes it.
func (t *Transfer) packAndClose(ctx context.Context, req StoreRequest) (p packed, err error) {
	defer func() { err = firstError(err, req.Image.Close()) }()
	if p, err = t.packImage(ctx, req); err != nil {
		return p, err
	}
	if p.raw, p.stored.ManifestSHA256, err = p.manifest.Encode(); err != nil { // before anything is sent
		return p, firstError(err, p.pack.close())
	}
	req.Cache.keepTaken(ctx, p.manifest, p.stored.ManifestSHA256, req.Image, p.quick)
	return p, nil
}

// packImage makes a pack of what of the image is new, and completes the
// manifest.
func (t *Transfer) packImage(ctx context.Context, req StoreRequest) (_ packed, err error) {
	begin := time.Now()
	m := req.Manifest
	sealer, keyID, salt, err := newSealer(req.Keys, m.Function)
	if err != nil {
		return packed{}, err
	}
	sums, err := req.sumImage(ctx)
	if err == nil {
		sums, err = leaveOutZeros(req.Image, sums)
	}
	if err != nil {
		return packed{}, err
	}
	times, err := req.Image.times()
	if err != nil {
		return packed{}, err
	}
	l, err := layOut(sums, newSharing(req.Base, req.Share, m.Function, keyID, sums, times), req.equality(), times)
	if err != nil {
		return packed{}, err
	}
	out := packed{pack: newSpool(), stored: l.stored(sums)}
	if req.quick() {
		out.quick = sums
	}
	out.stored.HashTime = time.Since(begin)
	begin = time.Now()
	p := packer{framer: framer{t.codec, sealer}, image: req.Image, out: out.pack}
	memory, err := p.makeBuffers()
	if err != nil {
		return packed{}, firstError(err, out.pack.close())
	}
	defer func() { err = firstError(err, memory.free()) }()
	own := PackRef{ID: m.ID, KeyID: keyID, Salt: salt, Frames: []Frame{}}
	out.manifest, err = p.pack(ctx, m, own, l)
	if err != nil {
		return packed{}, firstError(err, out.pack.close())
	}
	if req.WantBase && !req.quick() {
		out.stored.Base = baseOf(out.manifest, sums, l.runs)
	}
	out.stored.PackTime = time.Since(begin)
	return out, nil
}

// makeBuffers makes the workers' buffers.
func (p *packer) makeBuffers() (*arena, error) {
	const raw, zipped = framePages * PageSize, framePages * PageSize * 9 / 8 // what does not compress becomes a little larger
	memory, err := newArena(int64(workers()) * (raw + zipped))
	if err != nil {
		return nil, err
	}
	for range workers() {
		p.buffers = append(p.buffers, [2][]byte{memory.take(raw), memory.take(zipped)})
	}
	return memory, nil
}

// firstError is for errors of which the first is the reason of the second.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// sumImage gives every page of the image a sum, which is that of a page of the
// base only if they are equal. Pages of the image may have one without being so,
// see equality.
func (r StoreRequest) sumImage(ctx context.Context) ([][]pageSum, error) {
	if r.quick() {
		return sumQuickly(ctx, r.Image, r.Base)
	}
	sums := make([][]pageSum, len(r.Image.Pages))
	for i, p := range r.Image.Pages {
		var err error
		if sums[i], err = sumPages(ctx, p, workers()); err != nil {
			return nil, err
		}
	}
	return sums, nil
}

// equality is that of pages of the image that have equal sums.
func (r StoreRequest) equality() equality {
	if r.quick() {
		return r.Image.byBytes()
	}
	return bySum
}

// quick reports whether pages can be compared with each other, so that their
// sums need not be SHA-256. Else the base has nothing but sums, or one is wanted
// of this image, which will not be there any more.
func (r StoreRequest) quick() bool {
	if r.Base != nil {
		return r.Base.kept != nil
	}
	return !r.WantBase || r.Cache != nil && r.Keys == nil
}

// leaveOutZeros makes the image smaller, and the sums with it.
func leaveOutZeros(image *Image, sums [][]pageSum) ([][]pageSum, error) {
	if image.LeaveOutZeros == nil {
		return sums, nil
	}
	zero := make([][]bool, len(sums))
	for i, file := range sums {
		zero[i] = make([]bool, len(file))
		for page, sum := range file {
			zero[i][page] = sum == pageSum{}
		}
	}
	kept, err := image.LeaveOutZeros(zero)
	if err != nil {
		return nil, err
	}
	for i, file := range sums {
		left := file[:0]
		for page, sum := range file {
			if kept[i][page] {
				left = append(left, sum)
			}
		}
		sums[i] = left
	}
	return sums, nil
}

func (l layout) stored(sums [][]pageSum) Stored {
	s := Stored{Zero: l.zero, Shared: l.shared, New: len(l.fresh), Repeated: l.repeated}
	for _, file := range sums {
		s.Pages += len(file)
	}
	return s
}

// pack writes all frames and returns the manifest.
func (p *packer) pack(ctx context.Context, m Manifest, own PackRef, l layout) (Manifest, error) {
	m.Format, m.Files, m.Pages = Format, []File{}, []PageFile{}
	for _, f := range p.image.Files {
		m.Files = append(m.Files, File{Name: f.Name, Bytes: int64(len(f.Data))})
	}
	for i, f := range p.image.Pages {
		m.Pages = append(m.Pages, PageFile{Name: f.Name, Bytes: f.Bytes, Map: encodeMap(l.runs[i], p.codec)})
	}
	var err error
	if m.Meta, err = p.packMeta(); err != nil {
		return m, err
	}
	if own.Frames, err = p.packPages(ctx, l.fresh); err != nil {
		return m, err
	}
	own.Bytes = p.out.size
	m.Packs = append([]PackRef{own}, l.packs...)
	return m, nil
}

// packMeta writes the files that hold no pages, end to end.
func (p *packer) packMeta() ([]Frame, error) {
	var frames []Frame
	var raw []byte
	flush := func() error {
		f := Frame{N: p.next}
		stored := p.framer.pack(&f, raw, p.buffers[0][1])
		f.Offset = p.out.size
		frames, raw = append(frames, f), raw[:0]
		p.next++
		return p.out.add(stored)
	}
	for _, file := range p.image.Files {
		for data := file.Data; len(data) > 0; {
			n := min(len(data), metaFrame-len(raw))
			raw, data = append(raw, data[:n]...), data[n:]
			if len(raw) < metaFrame {
				continue
			}
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	if len(raw) == 0 {
		return frames, nil
	}
	return frames, flush()
}

// packPages writes the new pages, some frames at a time on all CPUs.
func (p *packer) packPages(ctx context.Context, fresh []pageRef) ([]Frame, error) {
	frames := make([]Frame, 0, len(fresh)/framePages+1)
	for len(fresh) > 0 {
		batch := fresh[:min(len(fresh), workers()*frameBatch*framePages)]
		fresh = fresh[len(batch):]
		made, stored, err := p.makeFrames(ctx, batch)
		if err != nil {
			return nil, err
		}
		for i := range made {
			made[i].Offset = p.out.size
			if err := p.out.add(stored[i]); err != nil {
				return nil, err
			}
		}
		frames = append(frames, made...)
	}
	return frames, nil
}

// makeFrames makes the frames of the next batch of pages.
func (p *packer) makeFrames(ctx context.Context, batch []pageRef) ([]Frame, [][]byte, error) {
	n := (len(batch) + framePages - 1) / framePages
	frames, stored := make([]Frame, n), make([][]byte, n)
	var begun atomic.Int64 // workers
	err := inBackground(ctx, n, workers(), func() func(int) error {
		mine := p.buffers[begun.Add(1)-1]
		raw, scratch := mine[0], mine[1]
		return func(i int) error {
			refs := batch[i*framePages : min((i+1)*framePages, len(batch))]
			if err := p.gather(refs, raw); err != nil {
				return err
			}
			frames[i] = Frame{N: p.next + i, First: p.pages + i*framePages, Pages: len(refs)}
			stored[i] = p.framer.pack(&frames[i], raw[:len(refs)*PageSize], scratch)
			return nil
		}
	})
	p.next, p.pages = p.next+n, p.pages+len(batch)
	return frames, stored, err
}

// gather reads pages, those that follow each other at once.
func (p *packer) gather(refs []pageRef, raw []byte) error {
	for len(refs) > 0 {
		n := 1
		for n < len(refs) && refs[n] == (pageRef{refs[0].image, refs[0].page + n}) {
			n++
		}
		if err := readPages(p.image.Pages[refs[0].image], refs[0].page, raw[:n*PageSize]); err != nil {
			return err
		}
		refs, raw = refs[n:], raw[n*PageSize:]
	}
	return nil
}
