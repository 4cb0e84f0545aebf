package backend

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// poolChange computes a pool from the current one and says whether it differs.
// It may be called several times for one change, so it starts afresh each time.
type poolChange func(pool []kvstore.Entry) (next []kvstore.Entry, changed bool, err error)

// pooled is the pool part of the contract, over a store that can replace a
// pool in one atomic step.
type pooled struct {
	change func(ctx context.Context, fn string, c poolChange) error
}

func (p pooled) AddEntry(ctx context.Context, fn string, e kvstore.Entry) (added bool, err error) {
	err = p.change(ctx, fn, func(pool []kvstore.Entry) ([]kvstore.Entry, bool, error) {
		added = indexOf(pool, e.ID) < 0
		return append(pool, e), added, nil
	})
	return added && err == nil, err
}

func (p pooled) RemoveEntries(ctx context.Context, fn string, ids []string, at time.Time) (removed []kvstore.Entry, err error) {
	err = p.change(ctx, fn, func(pool []kvstore.Entry) ([]kvstore.Entry, bool, error) {
		removed = markDeleted(pool, ids, at)
		return pool, len(removed) > 0, nil
	})
	if err != nil {
		return nil, err
	}
	return removed, nil
}

// markDeleted marks entries in place and returns copies of the newly marked.
func markDeleted(pool []kvstore.Entry, ids []string, at time.Time) []kvstore.Entry {
	removed := []kvstore.Entry{}
	for i := range pool {
		if pool[i].Deleted.IsZero() && slices.Contains(ids, pool[i].ID) {
			pool[i].Deleted = at
			removed = append(removed, pool[i])
		}
	}
	return removed
}

func (p pooled) FailEntry(ctx context.Context, fn, id, lifetime string) (entry kvstore.Entry, err error) {
	err = p.change(ctx, fn, func(pool []kvstore.Entry) ([]kvstore.Entry, bool, error) {
		i := indexOf(pool, id)
		if i < 0 {
			return nil, false, fmt.Errorf("snapshot %q of function %q: %w", id, fn, kvstore.ErrNotFound)
		}
		fresh := !slices.Contains(pool[i].Failures, lifetime)
		if fresh {
			pool[i].Failures = append(pool[i].Failures, lifetime)
		}
		entry = pool[i]
		return pool, fresh, nil
	})
	return entry, err
}

func (p pooled) PurgeEntry(ctx context.Context, fn, id string) error {
	return p.change(ctx, fn, func(pool []kvstore.Entry) ([]kvstore.Entry, bool, error) {
		i := indexOf(pool, id)
		if i < 0 {
			return pool, false, nil
		}
		if pool[i].Deleted.IsZero() {
			return nil, false, fmt.Errorf("%w: snapshot %q of function %q is not marked deleted: remove it first",
				kvstore.ErrInvalid, id, fn)
		}
		return slices.Delete(pool, i, i+1), true, nil
	})
}

func indexOf(pool []kvstore.Entry, id string) int {
	return slices.IndexFunc(pool, func(e kvstore.Entry) bool { return e.ID == id })
}

// decodePool reads a pool as it is kept, a JSON array; nothing is the empty one.
func decodePool(fn string, raw []byte) ([]kvstore.Entry, error) {
	pool := []kvstore.Entry{}
	if len(raw) == 0 {
		return pool, nil
	}
	if err := json.Unmarshal(raw, &pool); err != nil {
		return nil, fmt.Errorf("stored pool of function %s is damaged: delete the function: %w", fn, err)
	}
	return pool, nil
}

func encodePool(fn string, pool []kvstore.Entry) ([]byte, error) {
	raw, err := json.Marshal(pool)
	if err != nil {
		return nil, fmt.Errorf("encode the pool of function %s: %w", fn, err)
	}
	return raw, nil
}
