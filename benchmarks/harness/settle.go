package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/pronghorn-faas/pronghorn/agent"
)

// checkpoints follows the checkpoints of one worker through what it and the
// agent say to each other, so that the client can let one finish before its
// next request: packing and uploading take the worker's only CPU, and would be
// measured as latency of the function.
type checkpoints struct {
	mu   sync.Mutex
	plan agent.Plan    // of the running lifetime
	over chan struct{} // closed when its checkpoint is registered, or it has ended
}

// watch listens to what passes the agent's handler.
func (c *checkpoints) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			next.ServeHTTP(w, r) // most of all, snapshots on their way
			return
		}
		copied := &copiedAnswer{ResponseWriter: w}
		next.ServeHTTP(copied, r)
		switch {
		case strings.HasSuffix(r.URL.Path, "/lifetimes"):
			c.planned(copied.body.Bytes())
		case strings.HasSuffix(r.URL.Path, "/snapshots"):
			c.finished()
		}
	})
}

// planned takes the plan of the lifetime that starts now.
func (c *checkpoints) planned(body []byte) {
	var plan agent.Plan
	if json.Unmarshal(body, &plan) != nil {
		return // the agent refused
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closeOver()
	c.plan, c.over = plan, make(chan struct{})
}

func (c *checkpoints) finished() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closeOver()
}

func (c *checkpoints) closeOver() {
	if c.over != nil {
		close(c.over)
		c.over = nil
	}
}

// settle waits while a checkpoint goes on that request number lineage of a
// lifetime has set off, but not longer than limit. It does not wait twice for
// one that failed, of which the agent hears at the end of the lifetime only.
func (c *checkpoints) settle(ctx context.Context, lifetime string, lineage int, limit time.Duration) {
	over := c.pending(lifetime, lineage)
	if over == nil {
		return
	}
	ctx, cancel := outlast(ctx, limit)
	defer cancel()
	select {
	case <-over:
	case <-ctx.Done():
		c.finished()
	}
}

// pending is the channel to wait for; nil if no checkpoint is due.
func (c *checkpoints) pending(lifetime string, lineage int) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over == nil || c.plan.Lifetime != lifetime || c.plan.CheckpointAt == 0 || lineage < c.plan.CheckpointAt {
		return nil
	}
	return c.over
}

// copiedAnswer keeps a copy of the answer's body.
type copiedAnswer struct {
	http.ResponseWriter
	body bytes.Buffer
}

func (a *copiedAnswer) Write(p []byte) (int, error) {
	a.body.Write(p)
	return a.ResponseWriter.Write(p)
}
