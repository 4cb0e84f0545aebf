package lifetime

import (
	"context"
	"os"
	"sync/atomic"

	"github.com/pronghorn-faas/pronghorn/snapshot/criu"
	"github.com/pronghorn-faas/pronghorn/watchdog/process"
)

// CRIU is the engine that uses CRIU. In which mode it does so turns out while
// the function already starts.
type CRIU struct{ engine atomic.Pointer[criu.Engine] }

// NewCRIU returns an engine that uses e.
func NewCRIU(e *criu.Engine) *CRIU {
	c := &CRIU{}
	c.Use(e)
	return c
}

// Use makes what is prepared from now on use e.
func (c *CRIU) Use(e *criu.Engine) { c.engine.Store(e) }

// Engine returns what is in use.
func (c *CRIU) Engine() *criu.Engine { return c.engine.Load() }

// PrepareDump is criu.Engine's.
func (c *CRIU) PrepareDump(ctx context.Context, pid int, o criu.DumpOptions) (PreparedDump, error) {
	d, err := c.engine.Load().PrepareDump(ctx, pid, o)
	if err != nil {
		return nil, err // and not a *criu.Dump that is nil, which is no nil PreparedDump
	}
	return d, nil
}

// PrepareRestore is criu.Engine's.
func (c *CRIU) PrepareRestore(ctx context.Context, stdout, stderr *os.File) (process.PreparedRestore, error) {
	r, err := c.engine.Load().PrepareRestore(ctx, stdout, stderr)
	if err != nil {
		return nil, err
	}
	return r, nil
}
