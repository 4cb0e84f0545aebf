package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// probe names what is asked for to see whether store and pool answer; neither
// has it.
const probe = "healthz"

func (s *Server) functions(w http.ResponseWriter, r *http.Request) error {
	names, err := s.cfg.Store.Functions(r.Context())
	if err != nil {
		return wrapStore("list functions", err)
	}
	httpx.WriteJSON(w, kvstore.FunctionList{Functions: append([]string{}, names...)}) // [], never null
	return nil
}

func (s *Server) status(w http.ResponseWriter, r *http.Request) error {
	view, err := s.view(r.Context(), r.PathValue("fn"))
	if err != nil {
		return err
	}
	httpx.WriteJSON(w, view)
	return nil
}

func (s *Server) view(ctx context.Context, fn string) (agent.Function, error) {
	st, err := s.state(ctx, fn)
	if err != nil {
		return agent.Function{}, err
	}
	u := s.lastUsage(fn)
	return agent.Function{
		State:     st,
		Strategy:  u.strategy.String(),
		Eviction:  u.eviction,
		Decisions: s.memory.decisions(fn),
	}, nil
}

func (s *Server) health(w http.ResponseWriter, r *http.Request) error {
	_, err := s.cfg.Store.ReadDocument(r.Context(), probe)
	if err != nil && !errors.Is(err, kvstore.ErrNotFound) {
		return wrapStore("the store does not answer", err)
	}
	_, err = s.cfg.Pool.Stat(r.Context(), probe)
	if err != nil && !errors.Is(err, snapshot.ErrNotExist) {
		return wrapStore("the pool does not answer", err)
	}
	httpx.WriteJSON(w, map[string]string{"status": "ok"})
	return nil
}
