package backend

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/kvstore/registry"
)

// poolChange changes a pool and says whether it did. It may be called several
// times for one change, so it starts afresh each time.
type poolChange func(pool *registry.Pool) (changed bool, err error)

// pooled is the pool part of the contract, over a store that can replace a
// pool in one atomic step.
type pooled struct {
	swap func(ctx context.Context, fn string, c poolChange) error
}

func (p pooled) change(ctx context.Context, fn string, c poolChange) error {
	err := p.swap(ctx, fn, c)
	if err != nil {
		return fmt.Errorf("pool of function %q: %w", fn, err)
	}
	return nil
}

func (p pooled) Reserve(ctx context.Context, fn string, want kvstore.Pending, now time.Time) (granted []string, err error) {
	err = p.change(ctx, fn, func(pool *registry.Pool) (changed bool, _ error) {
		granted, changed = pool.Reserve(want, now)
		return changed, nil
	})
	if err != nil {
		return nil, err
	}
	return granted, nil
}

func (p pooled) AddEntry(ctx context.Context, fn string, e kvstore.Entry) (added bool, err error) {
	err = p.change(ctx, fn, func(pool *registry.Pool) (changed bool, err error) {
		added, changed, err = pool.Add(e)
		return changed, err
	})
	return added && err == nil, err
}

func (p pooled) RemoveEntries(ctx context.Context, fn string, ids []string, at time.Time) (removed []kvstore.Entry, err error) {
	err = p.change(ctx, fn, func(pool *registry.Pool) (bool, error) {
		removed = pool.Remove(ids, at)
		return len(removed) > 0, nil
	})
	if err != nil {
		return nil, err
	}
	return removed, nil
}

func (p pooled) FailEntry(ctx context.Context, fn, id, lifetime string) (entry kvstore.Entry, err error) {
	err = p.change(ctx, fn, func(pool *registry.Pool) (changed bool, err error) {
		entry, changed, err = pool.Fail(id, lifetime)
		return changed, err
	})
	return entry, err
}

func (p pooled) ReplaceEntry(ctx context.Context, fn, oldSHA256 string, e kvstore.Entry, now time.Time) error {
	return p.change(ctx, fn, func(pool *registry.Pool) (bool, error) { return pool.Replace(oldSHA256, e, now) })
}

func (p pooled) CondemnEntry(ctx context.Context, fn, id string, now time.Time) error {
	return p.change(ctx, fn, func(pool *registry.Pool) (bool, error) { return pool.Condemn(id, now) })
}

func (p pooled) PurgeEntry(ctx context.Context, fn, id string) error {
	return p.change(ctx, fn, func(pool *registry.Pool) (bool, error) { return pool.Purge(id) })
}

// rawPool is a pool as it is kept: two JSON arrays, of entries and of uploads.
// Nothing is an empty one.
type rawPool struct{ entries, pending []byte }

func (r rawPool) decode() (registry.Pool, error) {
	pool := registry.Pool{Entries: []kvstore.Entry{}}
	if err := decodeArray(r.entries, &pool.Entries); err != nil {
		return pool, err
	}
	return pool, decodeArray(r.pending, &pool.Pending)
}

func decodeArray(raw []byte, into any) error {
	if len(raw) == 0 {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("what is stored is damaged: delete the function: %w", err)
	}
	return nil
}

// run runs a change on a pool as it is kept. The result counts if it changed.
func (r rawPool) run(change poolChange) (next rawPool, changed bool, err error) {
	pool, err := r.decode()
	if err != nil {
		return r, false, err
	}
	changed, err = change(&pool)
	if err != nil || !changed {
		return r, false, err
	}
	next, err = encodePool(pool)
	return next, true, err
}

func encodePool(pool registry.Pool) (raw rawPool, err error) {
	raw.entries, err = json.Marshal(pool.Entries)
	if err == nil && len(pool.Pending) > 0 {
		raw.pending, err = json.Marshal(pool.Pending)
	}
	if err != nil {
		return raw, fmt.Errorf("encode: %w", err)
	}
	return raw, nil
}
