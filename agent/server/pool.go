package server

import (
	"context"
	"slices"

	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/policy"
)

// maxFailures is how many lifetimes may fail to start from a snapshot before
// nobody is sent there any more.
const maxFailures = 2

func quarantined(e kvstore.Entry) bool { return len(e.Failures) >= maxFailures }

// view is the pool as a worker of one platform sees it.
type view struct {
	// usable may be restored, in order of registration.
	usable []kvstore.Entry
	// quarantined would be usable, had they not failed.
	quarantined []kvstore.Entry
	// foreign is the number of snapshots of other platforms.
	foreign int
}

func viewOf(pool []kvstore.Entry, platform string) view {
	var v view
	for _, e := range pool {
		switch {
		case !e.Deleted.IsZero():
		case e.Platform != platform:
			v.foreign++
		case quarantined(e):
			v.quarantined = append(v.quarantined, e)
		default:
			v.usable = append(v.usable, e)
		}
	}
	return v
}

// over reports whether the platform's part of the pool is above the capacity.
func (v view) over(capacity int) bool { return len(v.usable)+len(v.quarantined) > capacity }

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
}

// prune removes what the pool holds above the strategy's capacity, and returns
// the state without it and the ids that are newly gone.
//
// The capacity holds for each platform by itself: a worker can only be offered
// snapshots of its own, so those of other nodes must not push them out.
// Quarantined snapshots stay for inspection until their place is needed.
func (s *Server) prune(ctx context.Context, st kvstore.State, platform string, u usage) (kvstore.State, []string, error) {
	if !viewOf(st.Pool, platform).over(u.strategy.Params().MaxCapacity) {
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
	v := viewOf(st.Pool, platform)
	if !v.over(u.strategy.Params().MaxCapacity) {
		return nil
	}
	return append(idsOf(v.quarantined), u.strategy.Prune(v.policyState(st, u.eviction), s.cfg.Rand)...)
}

// remove unregisters snapshots. Their objects stay for a lease.
func (s *Server) remove(ctx context.Context, st kvstore.State, ids []string) (kvstore.State, []string, error) {
	if len(ids) == 0 {
		return st, nil, nil
	}
	removed, err := s.cfg.Store.RemoveEntries(ctx, st.Function, ids, s.cfg.Now())
	if err != nil {
		return st, nil, wrapStore("unregister snapshots of "+st.Function, err)
	}
	st.Pool = slices.DeleteFunc(st.Pool, func(e kvstore.Entry) bool { return slices.Contains(ids, e.ID) })
	s.metrics.observePool(st)
	s.metrics.pruned.WithLabelValues(st.Function).Add(float64(len(removed)))
	return st, idsOf(removed), nil
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
