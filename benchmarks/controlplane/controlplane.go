// Package controlplane runs a policy agent and a KV service in the process of
// a benchmark, on free ports of the loopback interface.
package controlplane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
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

// Settings say what a control plane works with.
type Settings struct {
	// StoreURL and PoolURL are as those of pronghorn agent.
	StoreURL, PoolURL string
	// Seed of all draws; 0 = a random one.
	Seed uint64
	// Lease is how long snapshots that left the pool are kept; 0 = as the agent
	// does.
	Lease time.Duration
	// Observe is told of every lifetime that has ended.
	Observe func(agent.LifetimeRecord)
	// Watch goes around the agent's handler.
	Watch func(http.Handler) http.Handler
	Log   *slog.Logger
}

// Control is a control plane that runs.
type Control struct {
	// AgentURL is the policy agent's.
	AgentURL string
	// Reachable are the addresses that workers must reach.
	Reachable []string
	Pool      snapshot.Pool
	Store     kvstore.Store
	stop      context.CancelFunc
	services  *errgroup.Group
}

// Start starts the services. They outlive ctx, since workers have last words
// for them, and must be closed.
func Start(ctx context.Context, s Settings) (*Control, error) {
	c := &Control{}
	var err error
	if c.Pool, err = pool.Open(ctx, s.PoolURL); err != nil {
		return nil, fmt.Errorf("open the snapshot pool: %w", err)
	}
	if c.Store, err = backend.Open(ctx, s.StoreURL); err != nil {
		return nil, fmt.Errorf("open the KV state: %w", err)
	}
	if err := c.serve(ctx, s); err != nil {
		return nil, errors.Join(err, c.Store.Close())
	}
	return c, nil
}

// Close ends the services and closes the state.
func (c *Control) Close() error {
	c.stop()
	return errors.Join(c.services.Wait(), c.Store.Close())
}

func (c *Control) serve(ctx context.Context, s Settings) error {
	kv, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("KV service: %w", err)
	}
	api, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(fmt.Errorf("policy agent: %w", err), kv.Close())
	}
	a, err := agentserver.New(agentserver.Config{
		Store: c.Store, Pool: c.Pool, KVURL: "http://" + kv.Addr().String(), Rand: agentserver.NewRand(s.Seed),
		Lease: s.Lease, Log: s.Log, Observer: func(_ string, rec agent.LifetimeRecord) { s.Observe(rec) },
	})
	if err != nil {
		return errors.Join(err, kv.Close(), api.Close())
	}
	ctx, c.stop = context.WithCancel(context.WithoutCancel(ctx))
	c.services, ctx = errgroup.WithContext(ctx)
	c.services.Go(func() error { a.Run(ctx); return nil })
	c.add(ctx, kv, kvserver.New(c.Store, httpx.Auth{}))
	c.add(ctx, api, s.Watch(a.Handler()))
	c.AgentURL = "http://" + api.Addr().String()
	return nil
}

func (c *Control) add(ctx context.Context, ln net.Listener, h http.Handler) {
	c.Reachable = append(c.Reachable, ln.Addr().String())
	c.services.Go(func() error { return httpx.Serve(ctx, ln, h) })
}
