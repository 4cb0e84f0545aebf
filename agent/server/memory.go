package server

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/pronghorn-faas/pronghorn/agent"
)

const (
	// maxDecisions is how many lifetimes of a function are remembered.
	maxDecisions = 200
	// maxFunctions is how many functions are.
	maxFunctions = 4096
	// rememberFor is how long a function is remembered after its last lifetime
	// started or ended.
	rememberFor = 7 * 24 * time.Hour
)

// memory is what an agent remembers of the functions. It may lose it all and
// still work: plans of repeated requests would then be drawn anew.
type memory struct {
	now       func() time.Time
	mu        sync.Mutex
	functions map[string]*remembered
}

// remembered is what is known of one function.
type remembered struct {
	last      time.Time // when a lifetime last started or ended
	usage     usage     // of the last lifetime; no strategy = not known
	decisions []*agent.Decision
	platforms map[string]time.Time // when a lifetime last started on each
	failures  map[failure]struct{} // those that were counted
	pruning   chan struct{}        // holds a token while somebody prunes
}

// failure is one lifetime that could not start from one snapshot.
type failure struct{ lifetime, snapshot string }

func newMemory(now func() time.Time) *memory {
	return &memory{now: now, functions: map[string]*remembered{}}
}

// touch returns what is known of a function. The lock is held.
func (m *memory) touch(fn string) *remembered {
	f, ok := m.functions[fn]
	if !ok {
		m.makeRoom()
		f = &remembered{platforms: map[string]time.Time{}, failures: map[failure]struct{}{}, pruning: make(chan struct{}, 1)}
		m.functions[fn] = f
	}
	f.last = m.now()
	return f
}

// makeRoom forgets the function that was used least recently when there are
// too many.
func (m *memory) makeRoom() {
	if len(m.functions) < maxFunctions {
		return
	}
	names := slices.Collect(maps.Keys(m.functions))
	delete(m.functions, slices.MinFunc(names, func(a, b string) int {
		return m.functions[a].last.Compare(m.functions[b].last)
	}))
}

// forget drops the functions without a lifetime since the given time.
func (m *memory) forget(before time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.functions, func(_ string, f *remembered) bool { return f.last.Before(before) })
}

// decision returns what is known of a lifetime, nil if nothing.
func (f *remembered) decision(lifetime string) *agent.Decision {
	i := slices.IndexFunc(f.decisions, func(d *agent.Decision) bool { return d.Lifetime == lifetime })
	if i < 0 {
		return nil
	}
	return f.decisions[i]
}

func (f *remembered) add(d *agent.Decision) {
	if len(f.decisions) == maxDecisions {
		f.decisions = slices.Delete(f.decisions, 0, 1)
	}
	f.decisions = append(f.decisions, d)
}

// plan returns the plan that a lifetime got before, without URLs.
func (m *memory) plan(fn, lifetime string) (agent.Plan, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.functions[fn]
	if f == nil {
		return agent.Plan{}, false
	}
	d := f.decision(lifetime)
	if d == nil || d.Plan == nil {
		return agent.Plan{}, false
	}
	return *d.Plan, true
}

// planned keeps a plan without URLs. If the lifetime has got one meanwhile,
// that one counts and is returned.
func (m *memory) planned(fn string, u usage, req agent.StartRequest, plan agent.Plan) (kept agent.Plan, first bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.touch(fn)
	if d := f.decision(req.Lifetime); d != nil && d.Plan != nil {
		return *d.Plan, false
	}
	f.usage = u
	if req.Platform != "" {
		f.platforms[req.Platform] = f.last
	}
	f.add(&agent.Decision{Lifetime: req.Lifetime, At: f.last, Platform: req.Platform, Runtime: req.Runtime, Plan: &plan})
	return plan, true
}

// ended keeps what became of a lifetime, and reports whether that is news.
func (m *memory) ended(fn string, rec agent.LifetimeRecord) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.touch(fn)
	d := f.decision(rec.Lifetime)
	if d == nil { // the agent that planned it was another one
		d = &agent.Decision{Lifetime: rec.Lifetime, At: f.last}
		f.add(d)
	}
	if d.Record != nil {
		return false
	}
	d.Record = &rec
	return true
}

// failed notes that a lifetime could not start from a snapshot, and reports
// whether that is news.
func (m *memory) failed(fn, lifetime, snapshot string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, key := m.touch(fn), failure{lifetime, snapshot}
	if _, known := f.failures[key]; known {
		return false
	}
	if len(f.failures) >= maxDecisions {
		clear(f.failures) // at worst, one that is repeated much later counts twice
	}
	f.failures[key] = struct{}{}
	return true
}

// usage returns how a function was last used.
func (m *memory) usage(fn string) (usage, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.functions[fn]
	if f == nil || f.usage.strategy == nil {
		return usage{}, false
	}
	return f.usage, true
}

// decisions returns what is known of the function's lifetimes, newest first.
func (m *memory) decisions(fn string) []agent.Decision {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := []agent.Decision{}
	if f := m.functions[fn]; f != nil {
		for _, d := range slices.Backward(f.decisions) {
			all = append(all, *d)
		}
	}
	return all
}

// platforms returns when lifetimes last started on each platform.
func (m *memory) platforms(fn string) map[string]time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f := m.functions[fn]; f != nil {
		return maps.Clone(f.platforms)
	}
	return nil
}

// lockPruning lets one request at a time prune a function: two that drop
// different snapshots at random would together drop too many.
func (m *memory) lockPruning(ctx context.Context, fn string) (unlock func(), err error) {
	m.mu.Lock()
	token := m.touch(fn).pruning
	m.mu.Unlock()
	select {
	case token <- struct{}{}:
		return func() { <-token }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for another request that prunes the pool of %s: %w", fn, ctx.Err())
	}
}
