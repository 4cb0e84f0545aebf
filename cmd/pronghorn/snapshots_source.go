package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// source is who knows what is registered: a store, or an agent.
type source interface {
	Functions(ctx context.Context) ([]string, error)
	// Function returns the state; the strategy is "" if it is not known.
	Function(ctx context.Context, fn string) (agent.Function, error)
	// RemoveSnapshot unregisters a snapshot; kvstore.ErrNotFound if it is not
	// registered.
	RemoveSnapshot(ctx context.Context, fn, id string) error
	Close() error
}

// openSource opens what the flags name.
func (o *snapshotOptions) openSource(ctx context.Context) (source, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.agent == "" {
		store, err := o.openStore(ctx)
		return storeSource{store}, err
	}
	if o.store != "" {
		return nil, usagef("--agent and --store: want one of them")
	}
	token, err := readToken(o.tokenFile)
	if err != nil {
		return nil, err
	}
	client, err := agent.NewOperator(o.agent, token)
	return agentSource{client}, err
}

type storeSource struct{ kvstore.Store }

// Function implements source.
func (s storeSource) Function(ctx context.Context, fn string) (agent.Function, error) {
	st, err := s.State(ctx, fn)
	return agent.Function{State: st}, err
}

// RemoveSnapshot implements source.
func (s storeSource) RemoveSnapshot(ctx context.Context, fn, id string) error {
	removed, err := s.RemoveEntries(ctx, fn, []string{id}, time.Now())
	if err == nil && len(removed) == 0 {
		return noSnapshot(fn, id)
	}
	return err
}

type agentSource struct{ *agent.Operator }

// RemoveSnapshot implements source.
func (s agentSource) RemoveSnapshot(ctx context.Context, fn, id string) error {
	err := s.Operator.RemoveSnapshot(ctx, fn, id)
	if httpx.StatusOf(err) == http.StatusNotFound {
		return noSnapshot(fn, id)
	}
	return err
}

func noSnapshot(fn, id string) error {
	return fmt.Errorf("function %s has no snapshot %s: %w", fn, id, kvstore.ErrNotFound)
}

// functionsOf returns the states of one function, or of all that have
// snapshots.
func functionsOf(ctx context.Context, s source, fn string) ([]agent.Function, error) {
	names := []string{fn}
	if fn == "" {
		var err error
		if names, err = s.Functions(ctx); err != nil {
			return nil, err
		}
	}
	var all []agent.Function
	for _, name := range names {
		f, err := s.Function(ctx, name)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}
