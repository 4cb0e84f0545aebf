package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

func (s *Server) register(w http.ResponseWriter, r *http.Request) error {
	var reg agent.Registration
	if err := readBody(w, r, &reg); err != nil {
		return err
	}
	if err := cmp.Or(checkName("snapshot", reg.Snapshot), checkName("lifetime", reg.Lifetime)); err != nil {
		return err
	}
	done, err := s.enter(r.Context(), r.PathValue("fn"), reg)
	if err != nil {
		return err
	}
	httpx.WriteJSON(w, done)
	return nil
}

// enter puts a snapshot into the pool, unless it is or was there.
//
// The state is read before the objects are looked at. An id that the store
// does not know then is not about to be deleted either: it would have to be
// registered, pruned and purged within this request, and only the lease lies
// between the last two.
func (s *Server) enter(ctx context.Context, fn string, reg agent.Registration) (agent.Registered, error) {
	st, err := s.state(ctx, fn)
	if err != nil {
		return agent.Registered{}, err
	}
	e, known := entryOf(st.Pool, reg.Snapshot)
	switch {
	case !known:
		if e, err = s.add(ctx, fn, reg); err != nil {
			return agent.Registered{}, err
		}
	case e.ManifestSHA256 != reg.ManifestSHA256:
		return agent.Registered{}, httpx.Errorf(http.StatusConflict, "snapshot %s is registered with another manifest", e.ID)
	case !e.Deleted.IsZero():
		return agent.Registered{Snapshot: e.ID, Pruned: []string{e.ID}}, nil
	}
	return s.pruneAfter(ctx, fn, e)
}

// add registers a snapshot with what its verified manifest says.
func (s *Server) add(ctx context.Context, fn string, reg agent.Registration) (kvstore.Entry, error) {
	if err := checkID(reg.Snapshot, s.cfg.Now()); err != nil {
		return kvstore.Entry{}, err
	}
	m, err := snapshot.Verify(ctx, s.cfg.Pool, fn, reg.Snapshot, reg.ManifestSHA256)
	if err != nil {
		return kvstore.Entry{}, unfit(err)
	}
	if m.Lifetime != reg.Lifetime {
		return kvstore.Entry{}, unfit(fmt.Errorf("%w: the manifest is of lifetime %s, not %s", snapshot.ErrCorrupt, m.Lifetime, reg.Lifetime))
	}
	e := kvstore.Entry{
		ID:             m.ID,
		RequestNumber:  m.RequestNumber,
		Lifetime:       m.Lifetime,
		Platform:       m.Platform,
		Bytes:          m.Pack.Bytes,
		ManifestSHA256: reg.ManifestSHA256,
		Created:        s.cfg.Now(),
	}
	added, err := s.cfg.Store.AddEntry(ctx, fn, e)
	if added {
		s.metrics.registrations.WithLabelValues(fn).Inc()
	}
	return e, wrapStore("register snapshot "+e.ID, err)
}

// unfit tells a snapshot that is not what the worker says from a pool that
// cannot be read.
func unfit(err error) error {
	for _, kind := range []error{snapshot.ErrNotExist, snapshot.ErrCorrupt, snapshot.ErrFormat} {
		if errors.Is(err, kind) {
			return httpx.Errorf(http.StatusUnprocessableEntity, "not registered: %v", err)
		}
	}
	return err
}

// pruneAfter prunes the part of the pool that a snapshot has been added to.
// Its registration stands even if that fails: the next lifetime prunes too.
func (s *Server) pruneAfter(ctx context.Context, fn string, e kvstore.Entry) (agent.Registered, error) {
	done := agent.Registered{Snapshot: e.ID}
	st, err := s.state(ctx, fn)
	if err == nil {
		_, done.Pruned, err = s.prune(ctx, st, e.Platform, s.lastUsage(fn))
	}
	if err != nil {
		s.cfg.Log.WarnContext(ctx, "cannot prune after a registration", "function", fn, "err", err)
	}
	return done, nil
}

// lastUsage is how the function was last used, as far as this agent knows.
func (s *Server) lastUsage(fn string) usage {
	if u, known := s.memory.usage(fn); known {
		return u
	}
	return usage{strategy: s.standard}
}
