package server

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/kvstore/registry"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// dryStore is a store whose pools only change in memory, by the same rules. It
// is good for one goroutine.
type dryStore struct {
	kvstore.Store
	states map[string]kvstore.State
}

func newDryStore(s kvstore.Store) *dryStore {
	return &dryStore{Store: s, states: map[string]kvstore.State{}}
}

// State implements kvstore.Store.
func (d *dryStore) State(ctx context.Context, fn string) (kvstore.State, error) {
	st, known := d.states[fn]
	if known {
		return st, nil
	}
	st, err := d.Store.State(ctx, fn)
	if err == nil {
		d.states[fn] = st
	}
	return st, err
}

func (d *dryStore) change(ctx context.Context, fn string, change func(*registry.Pool) error) error {
	st, err := d.State(ctx, fn)
	if err != nil {
		return err
	}
	pool := registry.Pool{Entries: slices.Clone(st.Pool), Pending: slices.Clone(st.Pending)}
	if err := change(&pool); err != nil {
		return err
	}
	st.Pool, st.Pending = pool.Entries, pool.Pending
	d.states[fn] = st
	return nil
}

// AddEntry implements kvstore.Store.
func (d *dryStore) AddEntry(ctx context.Context, fn string, e kvstore.Entry) (added bool, err error) {
	err = d.change(ctx, fn, func(p *registry.Pool) (err error) { added, _, err = p.Add(e); return err })
	return added, err
}

// RemoveEntries implements kvstore.Store.
func (d *dryStore) RemoveEntries(ctx context.Context, fn string, ids []string, at time.Time) (removed []kvstore.Entry, err error) {
	err = d.change(ctx, fn, func(p *registry.Pool) error { removed = p.Remove(ids, at); return nil })
	return removed, err
}

// ReplaceEntry implements kvstore.Store.
func (d *dryStore) ReplaceEntry(ctx context.Context, fn, oldSHA256 string, e kvstore.Entry, now time.Time) error {
	return d.change(ctx, fn, func(p *registry.Pool) error { _, err := p.Replace(oldSHA256, e, now); return err })
}

// CondemnEntry implements kvstore.Store.
func (d *dryStore) CondemnEntry(ctx context.Context, fn, id string, now time.Time) error {
	return d.change(ctx, fn, func(p *registry.Pool) error { _, err := p.Condemn(id, now); return err })
}

// PurgeEntry implements kvstore.Store.
func (d *dryStore) PurgeEntry(ctx context.Context, fn, id string) error {
	return d.change(ctx, fn, func(p *registry.Pool) error { _, err := p.Purge(id); return err })
}

// dryPool is a pool in which nothing changes, though what was deleted is not
// listed any more.
type dryPool struct {
	snapshot.Pool
	deleted map[string]bool
}

func newDryPool(p snapshot.Pool) dryPool { return dryPool{p, map[string]bool{}} }

// Put implements snapshot.Pool.
func (d dryPool) Put(_ context.Context, _ string, r io.Reader, _ int64) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

// Delete implements snapshot.Pool.
func (d dryPool) Delete(_ context.Context, key string) error {
	d.deleted[key] = true
	return nil
}

// List implements snapshot.Pool.
func (d dryPool) List(ctx context.Context, prefix string) ([]snapshot.Object, error) {
	objects, err := d.Pool.List(ctx, prefix)
	return slices.DeleteFunc(objects, func(o snapshot.Object) bool { return d.deleted[o.Key] }), err
}
