package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

const (
	// upkeepEvery is the longest pause between two rounds of upkeep, in each of
	// which the state of every function is read; sweepEvery that between two
	// listings of the whole pool.
	upkeepEvery = 30 * time.Second
	sweepEvery  = 10 * time.Minute
	// deleteWithin bounds one call on the pool.
	deleteWithin = 30 * time.Second
	// platformIdle is how long snapshots of a platform are kept on which
	// nothing starts any more while the function runs on another one.
	platformIdle = 24 * time.Hour
)

// Run keeps store and pool tidy until ctx ends. What fails is logged and tried
// again in the next round. The bucket of the pool is made as soon as its server
// answers, and again whenever it has vanished.
func (s *Server) Run(ctx context.Context) {
	ticker := time.NewTicker(min(s.cfg.Lease/4, upkeepEvery))
	defer ticker.Stop()
	wait := s.tend(ctx)
	defer wait()
	var swept time.Time
	for {
		s.warn(ctx, "upkeep", s.upkeep(ctx))
		if now := s.cfg.Now(); now.Sub(swept) >= sweepEvery && !s.poolAway.Load() {
			s.warn(ctx, "sweep of the pool", s.sweep(ctx))
			swept = now
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (s *Server) warn(ctx context.Context, what string, err error) {
	if err == nil || ctx.Err() != nil {
		return
	}
	s.metrics.upkeepErrors.Inc()
	s.cfg.Log.WarnContext(ctx, what+" failed; it is tried again", "err", err)
}

// upkeep is one round over all functions.
func (s *Server) upkeep(ctx context.Context) error {
	s.memory.forget(s.cfg.Now().Add(-rememberFor))
	names, err := s.cfg.Store.Functions(ctx)
	if err != nil {
		return fmt.Errorf("list functions: %w", err)
	}
	s.metrics.showOnly(names)
	var failed error
	repacks := repacksPerRound
	for _, fn := range names {
		failed = errors.Join(failed, s.upkeepFunction(ctx, fn), s.repack(ctx, fn, &repacks))
	}
	return failed
}

func (s *Server) upkeepFunction(ctx context.Context, fn string) error {
	st, err := s.state(ctx, fn)
	if err != nil {
		return err
	}
	st, _, err = s.remove(ctx, st, s.superseded(st))
	for _, e := range slices.Backward(st.Pool) { // the younger refer to the older
		if !e.Live() && s.cfg.Now().Sub(e.Deleted) >= s.cfg.Lease {
			err = errors.Join(err, s.retire(ctx, fn, e))
		}
	}
	return err
}

// superseded returns the snapshots of platforms that the function has left,
// say by a new image: no lifetime prunes those any more. As long as an agent
// runs, it knows when a platform was last used.
func (s *Server) superseded(st kvstore.State) []string {
	used := s.memory.platforms(st.Function)
	var ids []string
	for _, e := range st.Pool {
		last := latest(s.started, e.Created, used[e.Platform])
		if e.Live() && s.cfg.Now().Sub(last) > platformIdle && usedElsewhere(used, e.Platform, last) {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

func usedElsewhere(used map[string]time.Time, platform string, since time.Time) bool {
	for other, at := range used {
		if other != platform && at.After(since) {
			return true
		}
	}
	return false
}

func latest(times ...time.Time) time.Time {
	var last time.Time
	for _, t := range times {
		if t.After(last) {
			last = t
		}
	}
	return last
}
