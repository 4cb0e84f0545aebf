package server

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// endLifetime takes what became of a lifetime. The store comes first: if it
// fails, the worker sends the report again and everything is still to be done.
func (s *Server) endLifetime(w http.ResponseWriter, r *http.Request) error {
	var rec agent.LifetimeRecord
	if err := readBody(w, r, &rec); err != nil {
		return err
	}
	if err := checkRecord(r.PathValue("id"), rec); err != nil {
		return err
	}
	fn := r.PathValue("fn")
	if rec.FailedSnapshot != "" {
		if err := s.fail(r.Context(), fn, rec.FailedSnapshot, rec.Lifetime); err != nil {
			return err
		}
	}
	if s.memory.ended(fn, rec) {
		s.metrics.ended.WithLabelValues(fn, rec.Start, rec.StartCode()).Inc()
		s.cfg.Observer(fn, rec)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// failSnapshot takes the news that a lifetime could not start from a snapshot
// as soon as it happens; the end of that lifetime may be days away.
func (s *Server) failSnapshot(w http.ResponseWriter, r *http.Request) error {
	var in agent.Failure
	if err := readBody(w, r, &in); err != nil {
		return err
	}
	if err := cmp.Or(checkName("lifetime", in.Lifetime), checkName("snapshot id", r.PathValue("id"))); err != nil {
		return err
	}
	if err := s.fail(r.Context(), r.PathValue("fn"), r.PathValue("id"), in.Lifetime); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// removeSnapshot unregisters a snapshot; its objects go after the lease.
func (s *Server) removeSnapshot(w http.ResponseWriter, r *http.Request) error {
	fn, id := r.PathValue("fn"), r.PathValue("id")
	if err := cmp.Or(checkName("function", fn), checkName("snapshot id", id)); err != nil {
		return err
	}
	st, err := s.state(r.Context(), fn)
	if err != nil {
		return err
	}
	if e, known := entryOf(st.Pool, id); !known || !e.Live() {
		return httpx.Errorf(http.StatusNotFound, "function %s has no snapshot %s", fn, id)
	}
	if _, _, err := s.remove(r.Context(), st, []string{id}); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// fail records a failure once per lifetime. A snapshot that has left the pool
// needs no record.
func (s *Server) fail(ctx context.Context, fn, snapshot, lifetime string) error {
	e, err := s.cfg.Store.FailEntry(ctx, fn, snapshot, lifetime)
	if errors.Is(err, kvstore.ErrNotFound) {
		return nil
	}
	if err != nil {
		return wrapStore("record the failure of snapshot "+snapshot, err)
	}
	if !s.memory.failed(fn, lifetime, snapshot) {
		return nil
	}
	s.metrics.failures.WithLabelValues(fn).Inc()
	if len(e.Failures) == maxFailures {
		s.metrics.quarantined.WithLabelValues(fn).Inc()
		s.cfg.Log.WarnContext(ctx, "snapshot quarantined: no worker could start from it", "function", fn, "snapshot", snapshot)
	}
	return nil
}
