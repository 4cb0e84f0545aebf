package lifetime

import (
	"context"
	"time"

	"github.com/pronghorn-faas/pronghorn/watchdog/process"
)

// headStart is what a fetch gets to ask for the manifest before CRIU is started:
// on one CPU that is then done while the answer is on its way.
const headStart = time.Millisecond

// preparingRestore is a restore that is being prepared.
type preparingRestore struct {
	done      chan struct{}
	restoring *process.Restoring
	err       error
}

// prepareRestore prepares a restore while the caller fetches the image.
func (m *Manager) prepareRestore(ctx context.Context) *preparingRestore {
	p := &preparingRestore{done: make(chan struct{})}
	go func() {
		defer close(p.done)
		time.Sleep(headStart)
		if p.restoring, p.err = process.PrepareRestore(ctx, m.Engine, m.PIDs, m.Output); p.err == nil {
			m.step("restore: prepared")
		}
	}()
	return p
}

// wait returns the restore, to run or to close, once it is prepared.
func (p *preparingRestore) wait() (*process.Restoring, error) {
	<-p.done
	return p.restoring, p.err
}
