package snapshot

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// maxConnections is how many ranges are asked for at a time.
const maxConnections = 4

// assembler puts the frames of one snapshot in their places. What it holds in
// memory is a frame for each connection and each CPU, and where the pages of
// the image belong.
type assembler struct {
	*sender
	codec  *codec
	step   func(name string) // see Transfer.Faults
	req    FetchRequest
	began  time.Time
	target *target
	later  *later // nil if all of it is needed at once

	cpus        chan struct{}
	connections chan struct{}
	buffers     sync.Pool // of stored frames
	raw         sync.Pool // of unpacked frames

	meta      atomic.Int64 // frames of files without pages that are still to be placed
	fromCache atomic.Int64
	lastByte  atomic.Int64 // when it came, in ns since 1970
}

// assemble gets all parts at once.
func (a *assembler) assemble(ctx context.Context, m Manifest, parts []part) error {
	a.cpus = make(chan struct{}, workers())
	a.connections = make(chan struct{}, maxConnections)
	a.buffers.New = func() any { b := make([]byte, maxFrameRaw+frameOverhead); return &b }
	a.raw.New = func() any { b := make([]byte, maxFrameRaw); return &b }
	a.meta.Store(int64(len(m.Meta)))
	return parallel(ctx, len(parts), len(parts), func() func(int) error {
		return func(i int) error {
			p := &parts[i]
			if err := a.part(ctx, m.Function, p); err != nil {
				return fmt.Errorf("pack %s: %w", p.ID, err)
			}
			return nil
		}
	})
}

func (a *assembler) part(ctx context.Context, function string, p *part) error {
	if len(p.frames) == 0 {
		return nil
	}
	s, err := openSealer(a.req.Keys, function, p.KeyID, p.Salt)
	if err != nil {
		return err
	}
	l := &load{assembler: a, part: p, framer: framer{a.codec, s}, cached: a.req.Cache.pack(function, p.ID)}
	err = l.run(ctx)
	if !a.later.keeps(l) {
		l.cached.close()
	}
	return err
}

// run takes frames from the cache as long as others bring them there, and gets
// the rest itself.
func (l *load) run(ctx context.Context) error {
	missing, err := l.takeCached(ctx, l.frames)
	patience := time.Now().Add(lockWait)
	for err == nil && len(missing) > 0 && l.cached.awaitOther(ctx, patience) {
		missing, err = l.takeCached(ctx, missing)
	}
	if err == nil && len(missing) > 0 { // somebody may have been done just before the lock was ours
		missing, err = l.takeCached(ctx, missing)
	}
	if err != nil || len(missing) == 0 {
		return err
	}
	return l.download(ctx, missing)
}

// load is a part on its way into its places.
type load struct {
	*assembler
	*part
	framer framer
	cached *cachedPack

	mu     sync.Mutex
	unkept []storedFrame // what is put into the cache when nobody waits for it
}

// storedFrame is a frame with its stored bytes.
type storedFrame struct {
	Frame
	stored []byte
}

// takeCached takes frames from the cache and returns those that it has not.
func (l *load) takeCached(ctx context.Context, frames []Frame) (missing []Frame, err error) {
	if l.cached == nil {
		return frames, nil
	}
	found := make([]bool, len(frames))
	err = parallel(ctx, len(frames), workers(), func() func(int) error {
		return func(i int) (err error) {
			found[i], err = l.takeOne(frames[i])
			return err
		}
	})
	for i, f := range frames {
		if !found[i] {
			missing = append(missing, f)
		}
	}
	return missing, err
}

func (l *load) takeOne(f Frame) (found bool, err error) {
	l.cpus <- struct{}{}
	defer func() { <-l.cpus }()
	buf := l.buffer(f)
	stored := l.cached.read(f, buf)
	if stored == nil {
		l.free(buf)
		return false, nil
	}
	l.fromCache.Add(f.Bytes)
	return true, l.put(f, stored)
}

// buffer returns memory for the stored bytes of a frame. What is kept for later
// is no larger than that.
func (l *load) buffer(f Frame) []byte {
	if l.later != nil {
		return l.later.places[frameID{l.part, f.N}]
	}
	return (*l.buffers.Get().(*[]byte))[:f.Bytes]
}

func (l *load) free(buf []byte) {
	if l.later == nil {
		buf = buf[:cap(buf)]
		l.buffers.Put(&buf)
	}
}

// put takes the stored bytes of a frame, which were verified and are its own
// from then on, and unpacks them into their places, unless that can wait.
func (l *load) put(f Frame, stored []byte) error {
	if l.later != nil {
		return l.later.take(l, f, stored)
	}
	defer l.free(stored)
	zipped, err := l.framer.open(f, stored)
	if err != nil {
		return err
	}
	return l.place(f, zipped)
}

// place unpacks a frame into its places.
func (l *load) place(f Frame, zipped []byte) error {
	if err := l.unpackTo(f, zipped, l.target.write); err != nil || !l.isMeta(f) || l.meta.Add(-1) > 0 {
		return err
	}
	return l.filesPlaced()
}

// filesPlaced goes on when all files that hold no pages are in their places.
func (a *assembler) filesPlaced() error {
	if a.req.Files != nil {
		a.req.Files(a.req.Dir)
	}
	if a.later == nil {
		return nil
	}
	return a.later.plan()
}

func (l *load) unpackTo(f Frame, zipped []byte, place func(raw []byte, pieces []piece) error) error {
	buf := l.raw.Get().(*[]byte)
	defer l.raw.Put(buf)
	raw, err := l.framer.unzip(f, zipped, *buf)
	if err != nil {
		return err
	}
	return place(raw, l.pieces[f.N])
}
