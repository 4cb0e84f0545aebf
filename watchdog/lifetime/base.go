package lifetime

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// baseDelay leaves the processor to the first requests of a restored process,
// before the pages that it came from are hashed.
const baseDelay = 250 * time.Millisecond

// base is what the snapshot of a restored process can share with the one that
// it came from. The nil base is nothing.
type base struct {
	needed chan struct{} // closed when somebody waits
	done   chan struct{}
	cancel context.CancelFunc
	// free closes the result; nil if that is not this lifetime's.
	free func(*snapshot.Base) error
	// claimed says that an upload frees it.
	claimed atomic.Bool
	result  *snapshot.Base
	err     error
}

// keepBase makes the base of a lifetime from its image, once that is complete,
// until ctx ends.
func (m *Manager) keepBase(ctx context.Context, f snapshot.Fetched, image *completion) *base {
	ctx, cancel := context.WithCancel(ctx)
	b := &base{needed: make(chan struct{}), done: make(chan struct{}), cancel: cancel, free: (*snapshot.Base).Close}
	go func() {
		defer close(b.done)
		select {
		case <-time.After(baseDelay):
		case <-b.needed:
		case <-ctx.Done():
			return
		}
		if b.err = image.wait(ctx); b.err == nil {
			b.result, b.err = f.Base(ctx, m.Cache)
		}
		if b.err != nil && ctx.Err() == nil {
			m.log.Warn("the next snapshot will share nothing with the one that the process came from", "snapshot", f.Manifest.ID, "reason", b.err)
		}
	}()
	return b
}

// taken is the newest snapshot that was stored here, and what a process that is
// restored from it can share with it: its pages need not be hashed again.
type taken struct {
	manifestSHA256 string
	base           *snapshot.Base
}

// remember keeps the base of a snapshot, if there is one, for the next lifetime
// in this container, which most often starts from the newest snapshot.
func (m *Manager) remember(s snapshot.Stored) {
	if s.Base != nil {
		m.taken.Store(&taken{s.ManifestSHA256, s.Base})
	}
}

// remembered returns the base of a snapshot, or nil if it is not known.
func (m *Manager) remembered(manifestSHA256 string) *base {
	t := m.taken.Load()
	if t == nil || t.manifestSHA256 != manifestSHA256 {
		return nil
	}
	b := &base{needed: make(chan struct{}), done: make(chan struct{}), cancel: func() {}, result: t.base}
	close(b.done)
	return b
}

// wait returns the base, or nil if there is none. It is called once, and then
// release when the base is not needed any more.
func (b *base) wait(ctx context.Context) *snapshot.Base {
	if b == nil || !b.claimed.CompareAndSwap(false, true) {
		return nil
	}
	close(b.needed)
	select {
	case <-b.done:
		return b.result
	case <-ctx.Done():
		return nil
	}
}

// release ends the use of what wait returned.
func (b *base) release() {
	if b != nil {
		b.cancel()
		b.settle()
		b.close()
	}
}

// settle waits until the base is made, or given up.
func (b *base) settle() {
	if b != nil {
		<-b.done
	}
}

// wanted reports whether there is a base that is still to be made.
func (b *base) wanted() bool {
	if b == nil {
		return false
	}
	select {
	case <-b.done:
		return false
	default:
		return true
	}
}

// end gives up what is not wanted any more. An upload that goes on keeps it.
func (b *base) end() {
	if b == nil {
		return
	}
	b.cancel()
	b.settle()
	if b.claimed.CompareAndSwap(false, true) {
		b.close()
	}
}

func (b *base) close() {
	if b.free != nil {
		_ = b.free(b.result) // it was only read
	}
}
