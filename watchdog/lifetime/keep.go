package lifetime

import (
	"context"
	"time"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// keepDelay leaves the processor to the first requests of a restored process,
// and then to its base, before the image is copied into the node's cache.
const keepDelay = 2 * baseDelay

// keepImage keeps an image in the node's cache, for the next start from it,
// when the process has served for a while. It goes on when the lifetime is over:
// short ones are those for which it matters most. One is kept at a time, since
// those that wait take memory.
func (m *Manager) keepImage(ctx context.Context, f snapshot.Fetched) {
	if !m.Cache.Wants(f) || !m.keeping.CompareAndSwap(false, true) {
		return
	}
	defer m.keeping.Store(false)
	select {
	case <-time.After(keepDelay):
	case <-ctx.Done():
		return
	}
	if err := m.Cache.Keep(ctx, f); err != nil && ctx.Err() == nil {
		m.log.Warn("the next start from this snapshot will unpack it again", "reason", err)
	}
}
