package harness

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pronghorn-faas/pronghorn/agent"
	agentserver "github.com/pronghorn-faas/pronghorn/agent/server"
	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/kvstore/backend"
	kvserver "github.com/pronghorn-faas/pronghorn/kvstore/server"
	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/snapshot/pool"
)

// lease is how long snapshots that left the pool are kept. There is one worker
// only, and at rate 1 it makes a snapshot every few hundred milliseconds, so
// the agent's usual minutes would be many gigabytes.
const lease = 10 * time.Second

// control is the policy agent and the KV service of one configuration, in this
// process and on free ports of the loopback interface.
type control struct {
	agentURL string
	// reachable are the addresses that the worker must reach.
	reachable []string
	pool      snapshot.Pool
	// checkpoints are those of the worker.
	checkpoints checkpoints
	store       kvstore.Store
	stop        context.CancelFunc
	services    *errgroup.Group
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
	if c.pool, err = pool.Open(ctx, s.poolURL); err != nil {
		return nil, fmt.Errorf("open the snapshot pool: %w", err)
	}
	if c.store, err = backend.Open(ctx, "file:"+filepath.Join(s.dir, "kv.db")); err != nil {
		return nil, fmt.Errorf("open the KV state: %w", err)
	}
	if err := c.serve(ctx, s); err != nil {
		return nil, errors.Join(err, c.store.Close())
	}
	return c, nil
}

func (c *control) serve(ctx context.Context, s controlSettings) error {
	kv, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("KV service: %w", err)
	}
	api, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(fmt.Errorf("policy agent: %w", err), kv.Close())
	}
	a, err := agentserver.New(agentserver.Config{
		Store: c.store, Pool: c.pool, KVURL: "http://" + kv.Addr().String(), Rand: agentserver.NewRand(s.seed),
		Lease: lease, Log: s.log, Observer: func(_ string, rec agent.LifetimeRecord) { s.observe(rec) },
	})
	if err != nil {
		return errors.Join(err, kv.Close(), api.Close())
	}
	ctx, c.stop = context.WithCancel(context.WithoutCancel(ctx))
	c.services, ctx = errgroup.WithContext(ctx)
	c.services.Go(func() error { a.Run(ctx); return nil })
	c.add(ctx, kv, kvserver.New(c.store, httpx.Auth{}))
	c.add(ctx, api, c.checkpoints.watch(a.Handler()))
	c.agentURL = "http://" + api.Addr().String()
	return nil
}

func (c *control) add(ctx context.Context, ln net.Listener, h http.Handler) {
	c.reachable = append(c.reachable, ln.Addr().String())
	c.services.Go(func() error { return httpx.Serve(ctx, ln, h) })
}

// close ends the services and closes the state.
func (c *control) close() error {
	c.stop()
	return errors.Join(c.services.Wait(), c.store.Close())
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
