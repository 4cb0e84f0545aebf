package backend

import (
	"context"
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// Keys in the bucket of a function.
const (
	metaKey    = "meta"    // JSON of meta
	tableKey   = "table"   // slots, see table
	poolKey    = "pool"    // JSON array of entries
	pendingKey = "pending" // JSON array of uploads; nothing = none
)

// meta is what a function has one of.
type meta struct {
	Params  kvstore.Params `json:"params"`
	Version int64          `json:"version"`
	Samples int64          `json:"samples"`
}

// function is one function inside a transaction. Its bucket is nil until
// something is written.
type function struct {
	name   string
	parent *bbolt.Bucket
	bucket *bbolt.Bucket
}

func functionIn(tx *bbolt.Tx, name string) *function {
	parent := tx.Bucket([]byte(functionsBucket))
	return &function{name: name, parent: parent, bucket: parent.Bucket([]byte(name))}
}

// create makes the bucket if it is not there.
func (f *function) create() (err error) {
	if f.bucket == nil {
		f.bucket, err = f.parent.CreateBucket([]byte(f.name))
	}
	return err
}

func (f *function) get(key string) []byte {
	if f.bucket == nil {
		return nil
	}
	return f.bucket.Get([]byte(key))
}

func (f *function) put(key string, value []byte) error {
	if err := f.create(); err != nil {
		return fmt.Errorf("create function %s: %w", f.name, err)
	}
	if err := f.bucket.Put([]byte(key), value); err != nil {
		return fmt.Errorf("write the %s of function %s: %w", key, f.name, err)
	}
	return nil
}

func (f *function) meta() (meta, error) {
	m := meta{Params: kvstore.DefaultParams()}
	raw := f.get(metaKey)
	if raw == nil {
		return m, nil
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return m, fmt.Errorf("stored parameters of function %s are damaged: delete the function: %w", f.name, err)
	}
	return m, nil
}

func (f *function) putMeta(m meta) error {
	raw, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode the parameters of function %s: %w", f.name, err)
	}
	return f.put(metaKey, raw)
}

func (f *function) state() (kvstore.State, error) {
	m, err := f.meta()
	if err != nil {
		return kvstore.State{}, err
	}
	pool, err := f.rawPool().decode()
	if err != nil {
		return kvstore.State{}, fmt.Errorf("pool of function %q: %w", f.name, err)
	}
	t := table(f.get(tableKey))
	return kvstore.State{
		Function: f.name, Params: m.Params, Version: m.Version, Samples: m.Samples,
		LatenciesUS: t.latencies(m.Params.MaxRequests), Pool: pool.Entries, Pending: pool.Pending,
	}, checkTable(f.name, t)
}

func (f *function) rawPool() rawPool { return rawPool{f.get(poolKey), f.get(pendingKey)} }

func (s *file) State(ctx context.Context, fn string) (st kvstore.State, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) (err error) {
		st, err = functionIn(tx, fn).state()
		return err
	})
	return st, err
}

func (s *file) SetParams(ctx context.Context, fn string, version int64, p kvstore.Params) error {
	return s.update(ctx, func(tx *bbolt.Tx) error {
		return functionIn(tx, fn).setParams(version, p)
	})
}

func (f *function) setParams(version int64, p kvstore.Params) error {
	m, err := f.meta()
	if err != nil {
		return err
	}
	if m.Version != version {
		return conflict(f.name, version)
	}
	t := table(f.get(tableKey)).resized(p.MaxRequests)
	if err := f.put(tableKey, t); err != nil {
		return err
	}
	return f.putMeta(meta{Params: p, Version: version + 1, Samples: m.Samples})
}

func conflict(fn string, version int64) error {
	return fmt.Errorf("parameters of function %q are not at version %d: %w", fn, version, kvstore.ErrConflict)
}

func (s *file) changePool(ctx context.Context, fn string, change poolChange) error {
	return s.update(ctx, func(tx *bbolt.Tx) error {
		return functionIn(tx, fn).changePool(change)
	})
}

func (f *function) changePool(change poolChange) error {
	next, changed, err := f.rawPool().run(change)
	if err != nil || !changed {
		return err
	}
	if err := f.put(poolKey, next.entries); err != nil {
		return err
	}
	return f.put(pendingKey, next.pending)
}
