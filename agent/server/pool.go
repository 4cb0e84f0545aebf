package server

import (
	"context"
	"slices"
	"time"

	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/policy"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// maxFailures is how many lifetimes may fail to start from a snapshot before
// nobody is sent there any more.
const maxFailures = 2

// Quarantined reports whether so many lifetimes failed to start from a snapshot
// that nobody is sent there any more.
func Quarantined(e kvstore.Entry) bool { return len(e.Failures) >= maxFailures }

// view is the pool as a worker of one platform sees it.
type view struct {
	// usable may be restored, in order of registration.
	usable []kvstore.Entry
	// quarantined would be usable, had they not failed.
	quarantined []kvstore.Entry
	// locked would be usable, had the worker the keys.
	locked []kvstore.Entry
	// foreign is the number of snapshots of other platforms.
	foreign int
}

func viewOf(pool []kvstore.Entry, platform string, keys keySet) view {
	var v view
	for _, e := range pool {
		switch {
		case !e.Live():
		case e.Platform != platform:
			v.foreign++
		case Quarantined(e):
			v.quarantined = append(v.quarantined, e)
		case !keys.open(e):
			v.locked = append(v.locked, e)
		default:
			v.usable = append(v.usable, e)
		}
	}
	return v
}

// over reports whether the platform's part of the pool is above the capacity.
func (v view) over(capacity int) bool {
	return len(v.usable)+len(v.quarantined)+len(v.locked) > capacity
}

// keySet is the encryption keys that a worker has; nil = not known, which is
// taken for all.
type keySet []string

func newKeySet(ids []string) keySet { return append(keySet{}, ids...) }

// open reports whether the keys suffice for a snapshot. Who has keys reads what
// is not encrypted only by saying so.
func (k keySet) open(e kvstore.Entry) bool {
	if len(k) > 0 && len(e.KeyIDs) == 0 {
		return slices.Contains(k, snapshot.Unencrypted)
	}
	missing := func(id string) bool { return !slices.Contains(k, id) }
	return k == nil || !slices.ContainsFunc(e.KeyIDs, missing)
}

// policyState is what a strategy decides on.
func (v view) policyState(st kvstore.State, eviction int) policy.State {
	ps := policy.State{Latencies: st.LatenciesUS, Eviction: eviction}
	for _, e := range v.usable {
		ps.Pool = append(ps.Pool, policy.Snapshot{ID: e.ID, RequestNumber: e.RequestNumber})
	}
	return ps
}

// usage is how a function was last used: what pruning after a registration
// goes by.
type usage struct {
	strategy policy.Strategy
	eviction int
	keys     keySet
}

// prune removes what the pool holds above the strategy's capacity, and returns
// the state without it and the ids that are newly gone.
//
// The capacity holds for each platform by itself: a worker can only be offered
// snapshots of its own, so those of other nodes must not push them out.
// Quarantined snapshots stay for inspection until their place is needed, and
// so do those that the worker has no keys for.
func (s *Server) prune(ctx context.Context, st kvstore.State, platform string, u usage) (kvstore.State, []string, error) {
	if !viewOf(st.Pool, platform, u.keys).over(u.strategy.Params().MaxCapacity) {
		return st, nil, nil
	}
	unlock, err := s.memory.lockPruning(ctx, st.Function)
	if err != nil {
		return st, nil, err
	}
	defer unlock()
	st, err = s.state(ctx, st.Function) // another request may just have pruned
	if err != nil {
		return st, nil, err
	}
	return s.remove(ctx, st, s.surplus(st, platform, u))
}

func (s *Server) surplus(st kvstore.State, platform string, u usage) []string {
	v := viewOf(st.Pool, platform, u.keys)
	if !v.over(u.strategy.Params().MaxCapacity) {
		return nil
	}
	unusable := append(idsOf(v.quarantined), idsOf(v.locked)...)
	return append(unusable, u.strategy.Prune(v.policyState(st, u.eviction), s.cfg.Rand)...)
}

// remove unregisters snapshots. Their objects stay for a lease.
func (s *Server) remove(ctx context.Context, st kvstore.State, ids []string) (kvstore.State, []string, error) {
	if len(ids) == 0 {
		return st, nil, nil
	}
	now := s.cfg.Now()
	removed, err := s.cfg.Store.RemoveEntries(ctx, st.Function, ids, now)
	if err != nil {
		return st, nil, wrapStore("unregister snapshots of "+st.Function, err)
	}
	st.Pool = marked(st.Pool, ids, now)
	s.metrics.observePool(st)
	for _, e := range removed {
		s.report(Chore{Function: st.Function, Snapshot: e.ID, Action: ActionUnregister})
	}
	s.metrics.pruned.WithLabelValues(st.Function).Add(float64(len(removed)))
	return st, idsOf(removed), s.step("prune: entries unregistered")
}

// marked returns the pool with what has just been marked deleted.
func marked(pool []kvstore.Entry, ids []string, at time.Time) []kvstore.Entry {
	pool = slices.Clone(pool)
	for i := range pool {
		if pool[i].Live() && slices.Contains(ids, pool[i].ID) {
			pool[i].Deleted = at
		}
	}
	return pool
}

func idsOf(entries []kvstore.Entry) []string {
	var ids []string
	for _, e := range entries {
		ids = append(ids, e.ID)
	}
	return ids
}

func entryOf(pool []kvstore.Entry, id string) (kvstore.Entry, bool) {
	i := slices.IndexFunc(pool, func(e kvstore.Entry) bool { return e.ID == id })
	if i < 0 {
		return kvstore.Entry{}, false
	}
	return pool[i], true
}
