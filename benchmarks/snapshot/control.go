package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/benchmarks/controlplane"
	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// control is a control plane that notes when a worker asks for a plan,
// registers a snapshot, and reports a lifetime.
type control struct {
	*controlplane.Control

	mu         sync.Mutex
	onPlan     func()
	registered chan time.Time
	records    []agent.LifetimeRecord
}

func startControl(ctx context.Context, storeURL, poolURL string) (*control, error) {
	c := &control{registered: make(chan time.Time, 16), onPlan: func() {}}
	var err error
	c.Control, err = controlplane.Start(ctx, controlplane.Settings{
		StoreURL: storeURL, PoolURL: poolURL, Seed: 1, Observe: c.ended, Watch: c.watch, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// watch notes what passes the agent's handler.
func (c *control) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/lifetimes") {
			c.mu.Lock()
			c.onPlan()
			c.mu.Unlock()
		}
		next.ServeHTTP(w, r)
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/snapshots") {
			c.registered <- time.Now()
		}
	})
}

func (c *control) ended(rec agent.LifetimeRecord) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.records = append(c.records, rec)
}

// expect forgets what was noted; f is called when the next plan is asked for.
func (c *control) expect(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.onPlan = sync.OnceFunc(f)
	c.records = nil
	for len(c.registered) > 0 {
		<-c.registered
	}
}

// recorded are the lifetimes that have ended since.
func (c *control) recorded() []agent.LifetimeRecord {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]agent.LifetimeRecord(nil), c.records...)
}

// registeredWithin bounds the time from a checkpoint's last request to its
// registration.
const registeredWithin = 60 * time.Second

// awaitRegistered returns when a snapshot was registered.
func (c *control) awaitRegistered(ctx context.Context, ended <-chan struct{}) (time.Time, error) {
	select {
	case at := <-c.registered:
		return at, nil
	case <-ended:
		return time.Time{}, errors.New("the worker ended before its snapshot was registered")
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	case <-time.After(registeredWithin):
		return time.Time{}, fmt.Errorf("no snapshot was registered within %s", registeredWithin)
	}
}

// live are the snapshots of a function that may be restored.
func (c *control) live(ctx context.Context, function string) ([]kvstore.Entry, error) {
	state, err := c.Store.State(ctx, function)
	if err != nil {
		return nil, err
	}
	var live []kvstore.Entry
	for _, e := range state.Pool {
		if e.Live() {
			live = append(live, e)
		}
	}
	return live, nil
}

// removeAbove removes the snapshots that were taken after request number.
func (c *control) removeAbove(ctx context.Context, function string, number int) error {
	live, err := c.live(ctx, function)
	if err != nil {
		return err
	}
	for _, e := range live {
		if e.RequestNumber <= number {
			continue
		}
		if err := c.remove(ctx, function, e.ID); err != nil {
			return err
		}
	}
	return nil
}

func (c *control) remove(ctx context.Context, function, id string) error {
	url := fmt.Sprintf("%s/v1/functions/%s/snapshots/%s", c.AgentURL, function, id)
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("remove snapshot %s: %s", id, resp.Status)
	}
	return nil
}
