package backend

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"strconv"
	"time"

	"github.com/go-redis/redis/v8"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// State reads everything in one transaction.
func (s *redisStore) State(ctx context.Context, fn string) (kvstore.State, error) {
	var fields *redis.SliceCmd
	var slots, pool, pending *redis.StringCmd
	_, err := s.db.TxPipelined(ctx, func(tx redis.Pipeliner) error {
		fields = tx.HMGet(ctx, metaKeyOf(fn), "max_requests", "epsilon", "version", "samples")
		slots = tx.Get(ctx, tableKeyOf(fn))
		pool, pending = tx.Get(ctx, poolKeyOf(fn)), tx.Get(ctx, pendingKeyOf(fn))
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return kvstore.State{}, redisError("read function "+fn, err)
	}
	return decodeState(fn, fields, []byte(slots.Val()), rawPool{[]byte(pool.Val()), []byte(pending.Val())})
}

// redisMeta has the fields of a function's hash.
type redisMeta struct {
	MaxRequests int     `redis:"max_requests"`
	Epsilon     float64 `redis:"epsilon"`
	Version     int64   `redis:"version"`
	Samples     int64   `redis:"samples"`
}

func decodeState(fn string, fields *redis.SliceCmd, slots table, raw rawPool) (kvstore.State, error) {
	d := kvstore.DefaultParams()
	m := redisMeta{MaxRequests: d.MaxRequests, Epsilon: d.Epsilon}
	if err := fields.Scan(&m); err != nil {
		return kvstore.State{}, fmt.Errorf("stored parameters of function %s are damaged: delete the function: %w", fn, err)
	}
	pool, err := raw.decode()
	if err != nil {
		return kvstore.State{}, fmt.Errorf("pool of function %q: %w", fn, err)
	}
	return kvstore.State{
		Function: fn, Params: kvstore.Params{MaxRequests: m.MaxRequests, Epsilon: m.Epsilon},
		Version: m.Version, Samples: m.Samples,
		LatenciesUS: slots.latencies(m.MaxRequests), Pool: pool.Entries, Pending: pool.Pending,
	}, checkTable(fn, slots)
}

func (s *redisStore) SetParams(ctx context.Context, fn string, version int64, p kvstore.Params) error {
	keys := []string{metaKeyOf(fn), tableKeyOf(fn), functionsKey}
	set, err := s.scripts.setParams.Run(ctx, s.db, keys, fn, version, p.MaxRequests, formatFloat(p.Epsilon)).Bool()
	if err != nil {
		return redisError("set the parameters of function "+fn, err)
	}
	if !set {
		return conflict(fn, version)
	}
	return nil
}

// formatFloat writes a number so that reading it gives the same bits.
func formatFloat(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func (s *redisStore) AddSamples(ctx context.Context, fn string, b kvstore.Batch) (kvstore.BatchResult, error) {
	d := kvstore.DefaultParams()
	keys := []string{metaKeyOf(fn), tableKeyOf(fn), functionsKey}
	n, err := s.scripts.addSamples.Run(ctx, s.db, keys, fn, d.MaxRequests, formatFloat(d.Epsilon), rand.Text(),
		b.Lifetime, int(kvstore.SeenFor/time.Second), pack(b.Samples)).Int64Slice()
	if err == nil && len(n) != 3 {
		err = fmt.Errorf("answered %v to the script: want three numbers", n)
	}
	if err != nil {
		return kvstore.BatchResult{}, redisError("add samples of function "+fn, err)
	}
	return kvstore.BatchResult{Applied: int(n[0]), Duplicates: int(n[1]), Ignored: int(n[2])}, nil
}

// changePool reads, changes and swaps until nobody else came in between. Of
// several at once one always gets through, and pauses keep the others from
// trying in step.
func (s *redisStore) changePool(ctx context.Context, fn string, change poolChange) error {
	for {
		done, err := s.tryChangePool(ctx, fn, change)
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("change: %w: %w", kvstore.ErrUnavailable, ctx.Err())
		case <-time.After(mathrand.N(time.Millisecond)):
		}
	}
}

func (s *redisStore) tryChangePool(ctx context.Context, fn string, change poolChange) (done bool, err error) {
	old, err := s.readPool(ctx, fn)
	if err != nil {
		return false, err
	}
	next, changed, err := old.run(change)
	if err != nil || !changed {
		return true, err
	}
	keys := []string{poolKeyOf(fn), pendingKeyOf(fn), functionsKey}
	done, err = s.scripts.swapPool.Run(ctx, s.db, keys, fn, old.entries, old.pending, next.entries, next.pending).Bool()
	return done, redisError("change", err)
}

// readPool reads both parts at once: a change that fails, or finds nothing to
// change, is judged by what it read.
func (s *redisStore) readPool(ctx context.Context, fn string) (rawPool, error) {
	values, err := s.db.MGet(ctx, poolKeyOf(fn), pendingKeyOf(fn)).Result()
	if err != nil {
		return rawPool{}, redisError("read", err)
	}
	entries, _ := values[0].(string)
	pending, _ := values[1].(string)
	return rawPool{[]byte(entries), []byte(pending)}, nil
}
