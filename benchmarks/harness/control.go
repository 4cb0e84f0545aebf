package harness

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path"
	"path/filepath"
	"time"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/benchmarks/controlplane"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// lease is how long snapshots that left the pool are kept. There is one worker
// only, and at rate 1 it makes a snapshot every few hundred milliseconds, so
// the agent's usual minutes would be many gigabytes.
const lease = 10 * time.Second

// control is the policy agent and the KV service of one configuration.
type control struct {
	*controlplane.Control
	// checkpoints are those of the worker.
	checkpoints checkpoints
}

// controlSettings say what a control plane works with.
type controlSettings struct {
	dir     string // of the state
	poolURL string
	seed    uint64
	observe func(agent.LifetimeRecord)
	log     *slog.Logger
}

// startControl starts the services. They outlive ctx, since the worker has
// last words for them, and must be closed.
func startControl(ctx context.Context, s controlSettings) (*control, error) {
	c := &control{}
	var err error
	c.Control, err = controlplane.Start(ctx, controlplane.Settings{
		StoreURL: "file:" + filepath.Join(s.dir, "kv.db"), PoolURL: s.poolURL, Seed: s.seed, Lease: lease,
		Observe: s.observe, Watch: c.checkpoints.watch, Log: s.log,
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// empty removes all snapshots of a function from the pool.
func empty(ctx context.Context, p snapshot.Pool, function string) error {
	objects, err := p.List(ctx, snapshot.Prefix(function, ""))
	if err != nil {
		return fmt.Errorf("empty the snapshot pool: %w", err)
	}
	for _, o := range objects {
		if err := p.Delete(ctx, o.Key); err != nil {
			return fmt.Errorf("empty the snapshot pool: %w", err)
		}
	}
	return nil
}

// poolURL is the pool of one configuration, and the address that its server
// has, if any.
func (c Config) poolURL(cell Configuration, dir string) (poolURL, addr string, err error) {
	if c.Pool == "" {
		return "dir:" + filepath.Join(dir, "pool"), "", nil
	}
	u, err := url.Parse(c.Pool)
	if err != nil {
		return "", "", errors.New("pool: not a URL")
	}
	u.Path = path.Join(u.Path, cell.name())
	return u.String(), u.Host, nil
}
