package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// bounded gives h answerWithin to answer.
func (s *Server) bounded(h httpx.Handler) httpx.Handler {
	h = s.withStatus(h)
	return func(w http.ResponseWriter, r *http.Request) error {
		ctx, cancel := context.WithTimeout(r.Context(), answerWithin)
		defer cancel()
		return h(w, r.WithContext(ctx))
	}
}

// withStatus gives every error a status. What is neither the caller's mistake
// nor something that is not there is a failure of store or pool: 503, after
// which a worker starts cold.
func (s *Server) withStatus(h httpx.Handler) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := h(w, r)
		if err == nil || httpx.StatusOf(err) != 0 && !fromStore(err) {
			return err
		}
		status := statusOf(err)
		if status == http.StatusServiceUnavailable {
			s.cfg.Log.WarnContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "err", err)
			return httpx.Errorf(status, "the agent cannot answer now: %v", err)
		}
		return httpx.Errorf(status, "%v", err)
	}
}

// storeError marks an error of the store, which over HTTP has a status of its
// own that says nothing about the request to the agent.
type storeError struct{ error }

func (e storeError) Unwrap() error { return e.error }

func fromStore(err error) bool {
	var e storeError
	return errors.As(err, &e)
}

func statusOf(err error) int {
	switch {
	case errors.Is(err, kvstore.ErrInvalid):
		return http.StatusBadRequest
	case errors.Is(err, kvstore.ErrNotFound), errors.Is(err, snapshot.ErrNotExist):
		return http.StatusNotFound
	}
	return http.StatusServiceUnavailable
}

func readBody(w http.ResponseWriter, r *http.Request, v any) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	return httpx.ReadJSON(w, r, v)
}

func badRequest(format string, args ...any) error {
	return httpx.Errorf(http.StatusBadRequest, format, args...)
}

func checkName(what, name string) error {
	if err := kvstore.CheckName(what, name); err != nil {
		return badRequest("%v", err)
	}
	return nil
}

func runtimes() []string { return []string{"pypy", "jvm", "node", "other"} }

// checkStart reports the first value of the request that cannot be.
func checkStart(req agent.StartRequest) error {
	if err := checkName("lifetime", req.Lifetime); err != nil {
		return err
	}
	if !slices.Contains(runtimes(), req.Runtime) {
		return badRequest("runtime %q: want one of %s", req.Runtime, strings.Join(runtimes(), ", "))
	}
	if req.Eviction < 0 || req.Eviction > math.MaxInt32 {
		return badRequest("eviction %d: want 0 (unknown) to %d", req.Eviction, math.MaxInt32)
	}
	if err := kvstore.CheckNames("key id", req.KeyIDs); err != nil {
		return badRequest("key_ids: %v", err)
	}
	if req.Platform == "" && req.NoSnapshots != "" {
		return nil // who cannot restore need not know on what
	}
	return checkName("platform", req.Platform)
}

// checkRecord reports the first value of the record that cannot be.
func checkRecord(id string, rec agent.LifetimeRecord) error {
	switch {
	case rec.Lifetime != id:
		return badRequest("lifetime %q: want %q, as in the path", rec.Lifetime, id)
	case rec.Start != agent.Cold && rec.Start != agent.Restored:
		return badRequest("start %q: want %s or %s", rec.Start, agent.Cold, agent.Restored)
	case rec.RequestNumber < 0 || rec.Requests < 0:
		return badRequest("request_number %d, requests %d: want 0 or more", rec.RequestNumber, rec.Requests)
	case rec.FailedSnapshot != "":
		return cmp.Or(checkName("lifetime", id), checkName("failed_snapshot", rec.FailedSnapshot))
	}
	return checkName("lifetime", id)
}

// wrapStore says what was tried, and that it was the store that failed.
func wrapStore(what string, err error) error {
	if err == nil {
		return nil
	}
	return storeError{fmt.Errorf("%s: %w", what, err)}
}
