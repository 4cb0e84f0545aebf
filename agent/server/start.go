package server

import (
	"context"
	"net/http"
	"slices"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/policy"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

func (s *Server) startLifetime(w http.ResponseWriter, r *http.Request) error {
	var req agent.StartRequest
	if err := readBody(w, r, &req); err != nil {
		return err
	}
	if err := checkStart(req); err != nil {
		return err
	}
	strategy, err := s.strategy(req.Strategy)
	if err != nil {
		return err
	}
	plan, err := s.plan(r.Context(), r.PathValue("fn"), usage{strategy, req.Eviction, newKeySet(req.KeyIDs)}, req)
	if err != nil {
		return err
	}
	httpx.WriteJSON(w, plan)
	return nil
}

func (s *Server) strategy(spec string) (policy.Strategy, error) {
	if spec == "" {
		return s.standard, nil
	}
	strategy, err := policy.Parse(spec)
	if err != nil {
		return nil, badRequest("%v", err)
	}
	return strategy, nil
}

// plan returns the plan of a lifetime: the one that it got before, or a new one.
func (s *Server) plan(ctx context.Context, fn string, u usage, req agent.StartRequest) (agent.Plan, error) {
	if plan, ok := s.memory.plan(fn, req.Lifetime); ok {
		return s.address(ctx, fn, plan)
	}
	plan, err := s.decide(ctx, fn, u, req)
	if err != nil {
		return agent.Plan{}, err
	}
	plan, first := s.memory.planned(fn, u, req, plan)
	if first {
		s.metrics.countPlan(fn, plan)
	}
	return s.address(ctx, fn, plan)
}

// decide makes a plan, without the URLs.
func (s *Server) decide(ctx context.Context, fn string, u usage, req agent.StartRequest) (agent.Plan, error) {
	st, err := s.stateFor(ctx, fn, tableParams(u.strategy, req.Runtime))
	if err != nil {
		return agent.Plan{}, err
	}
	if req.NoSnapshots != "" {
		return s.coldPlan(st, u, req), nil
	}
	st, _, err = s.prune(ctx, st, req.Platform, u)
	if err != nil {
		return agent.Plan{}, err
	}
	return s.draw(st, u, req), nil
}

func (s *Server) newPlan(u usage, req agent.StartRequest) agent.Plan {
	return agent.Plan{Lifetime: req.Lifetime, Strategy: u.strategy.String(), KVURL: s.cfg.KVURL}
}

// coldPlan is for a worker that can neither dump nor restore.
func (s *Server) coldPlan(st kvstore.State, u usage, req agent.StartRequest) agent.Plan {
	plan := s.newPlan(u, req)
	plan.EvictAfter = evictAfter(view{}.policyState(st, u.eviction), u, req, 0)
	plan.Reason = "cold, and no checkpoint: the worker says: " + excerpt(req.NoSnapshots)
	return plan
}

// draw makes the strategy's two draws: where to start, when to checkpoint.
func (s *Server) draw(st kvstore.State, u usage, req agent.StartRequest) agent.Plan {
	v := viewOf(st.Pool, req.Platform, u.keys)
	ps := v.policyState(st, u.eviction)
	starts := u.strategy.Start(ps)
	s.metrics.observeExpected(st.Function, ps, starts)
	start := policy.DrawStart(starts, s.cfg.Rand)
	checkpoints := u.strategy.Checkpoint(ps, start.RequestNumber)
	at, _ := policy.DrawCheckpoint(checkpoints, s.cfg.Rand)

	plan := s.newPlan(u, req)
	plan.Restore = restoreOf(v, start)
	plan.CheckpointAt = at
	plan.EvictAfter = evictAfter(ps, u, req, start.RequestNumber)
	plan.Reason = startReason(v, starts, start) + "; " + checkpointReason(checkpoints, at, start.RequestNumber)
	return plan
}

func evictAfter(ps policy.State, u usage, req agent.StartRequest, requestNumber int) int {
	if !req.Evict {
		return 0
	}
	return u.strategy.Lifetime(ps, requestNumber)
}

func restoreOf(v view, start policy.StartOption) *agent.Restore {
	e, ok := entryOf(v.usable, start.ID)
	if !ok {
		return nil
	}
	restore := &agent.Restore{
		Snapshot:       e.ID,
		RequestNumber:  e.RequestNumber,
		Manifest:       e.Manifest,
		ManifestSHA256: e.ManifestSHA256,
		Bytes:          e.Bytes,
		StoredBytes:    e.StoredBytes,
		SharedBytes:    e.SharedBytes,
	}
	for _, id := range e.PackIDs() {
		restore.Packs = append(restore.Packs, agent.Pack{ID: id})
	}
	return restore
}

// address returns the plan with URLs for what it restores. They are made for
// each answer: a plan is remembered for longer than a URL is good.
func (s *Server) address(ctx context.Context, fn string, plan agent.Plan) (agent.Plan, error) {
	if plan.Restore == nil {
		return plan, nil
	}
	r := *plan.Restore
	var err error
	if r.ManifestURL, err = s.presign.PresignGet(ctx, snapshot.ManifestObject(fn, r.Snapshot, r.Manifest), s.cfg.URLTTL); err != nil {
		return agent.Plan{}, err
	}
	r.Packs = slices.Clone(r.Packs) // those of the plan that is remembered have none
	for i, p := range r.Packs {
		if r.Packs[i].URL, err = s.presign.PresignGet(ctx, snapshot.PackKey(fn, p.ID), s.cfg.URLTTL); err != nil {
			return agent.Plan{}, err
		}
	}
	plan.Restore = &r
	return plan, nil
}
