package lifetime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/background"
	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/snapshot/criu"
)

// preparedFor is how long memory and a CRIU are kept ready for a checkpoint
// that seemed near. After that it is prepared again when it comes.
const preparedFor = 10 * time.Second

// preparation is a dump that is being prepared, or is.
type preparation struct {
	done chan struct{} // closed when it is prepared, or cannot be
	dump PreparedDump
	dir  string
	err  error

	once   sync.Once      // of discard
	taken  sync.WaitGroup // an image that is still to be handed out
	gone   chan struct{}
	expiry *time.Timer
}

// prepareDump prepares a dump of the process, in the background, unless that
// has been done already.
func (m *Manager) prepareDump(l *life) *preparation {
	if p := l.preparation; p != nil && p.keep() {
		return p
	}
	p := &preparation{done: make(chan struct{}), gone: make(chan struct{})}
	l.preparation = p
	go func() {
		defer close(p.done)
		if p.err = l.memory.finish(context.Background()); p.err != nil {
			return
		}
		if p.dir, p.err = m.stage(); p.err == nil {
			p.dump, p.err = m.Engine.PrepareDump(context.Background(), l.process.PID(), criu.DumpOptions{Dir: p.dir, MaxMemory: m.MaxMemory})
		}
	}()
	p.expiry = time.AfterFunc(preparedFor, p.discard)
	return p
}

// keep starts the clock anew after which the preparation is discarded; it
// reports whether that was in time.
func (p *preparation) keep() bool {
	if !p.expiry.Stop() {
		return false
	}
	p.expiry.Reset(preparedFor)
	return true
}

// run dumps. When it returns without an error the image is there to be had.
func (p *preparation) run(ctx context.Context) error {
	select {
	case <-p.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	switch {
	case p.err != nil:
		return p.err
	case !p.expiry.Stop(): // it must not be discarded while it is in use
		return fmt.Errorf("the preparation of a dump took longer than %s", preparedFor)
	}
	if err := p.dump.Run(ctx); err != nil {
		return err
	}
	p.taken.Add(1)
	return nil
}

// image hands out the image that was taken, which is the caller's to close, and
// discards the rest. It gives way to requests: they flow again.
func (p *preparation) image() (img *snapshot.Image, process snapshot.Process, err error) {
	defer p.discard()
	defer p.taken.Done()
	background.Do(func() { img, process, err = p.dump.Image() })
	return img, process, err
}

// discard frees what is not needed any more, in the background, once an image
// that was taken has been handed out.
func (p *preparation) discard() {
	p.once.Do(func() {
		p.expiry.Stop()
		go func() {
			defer close(p.gone)
			<-p.done
			p.taken.Wait()
			var err error
			if p.dump != nil {
				err = p.dump.Close()
			}
			_ = errors.Join(err, os.RemoveAll(p.dir)) // what is left is in a staging directory
		}()
	})
}

// end discards the preparation, if there is one, and waits until it is gone.
func (p *preparation) end() {
	if p == nil {
		return
	}
	p.expiry.Stop()
	p.discard()
	<-p.gone
}
