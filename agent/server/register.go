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
	case e.ManifestSHA256 != reg.ManifestSHA256 && e.Replaced.IsZero():
		return agent.Registered{}, httpx.Errorf(http.StatusConflict, "snapshot %s is registered with another manifest", e.ID)
	case !e.Live():
		return agent.Registered{Snapshot: e.ID, Pruned: []string{e.ID}}, nil
	}
	return s.pruneAfter(ctx, fn, e)
}

// add registers a snapshot with what its verified manifest says.
//
// First the objects are looked at, then the entry is added, so that no plan
// names a snapshot that nobody has verified. What may happen in between, or
// has happened before, cannot hurt:
//   - Its own objects are swept only when they are older than sweepAfter and
//     the store does not know the id; checkID bounds their age below that.
//   - A pack of another is deleted only after its entry was condemned, and that
//     is never undone. AddEntry passes only if, in the same atomic step, no pack
//     that the entry refers to is condemned or forgotten. So each of them was
//     there when its size was looked at, is there when the entry is added, and
//     from then on cannot be condemned for as long as the entry refers to it.
//   - An entry that is condemned between the two makes AddEntry refuse, and
//     the snapshot stays out. The reservation of the upload only makes that
//     unlikely; nothing rests on it.
func (s *Server) add(ctx context.Context, fn string, reg agent.Registration) (kvstore.Entry, error) {
	if err := checkID(reg.Snapshot, s.cfg.Now()); err != nil {
		return kvstore.Entry{}, err
	}
	if err := s.step("register: state read"); err != nil {
		return kvstore.Entry{}, err
	}
	e, err := s.describeUpload(ctx, fn, reg)
	if err != nil {
		return kvstore.Entry{}, unfit(err)
	}
	if err := s.step("register: objects verified"); err != nil {
		return kvstore.Entry{}, err
	}
	added, err := s.cfg.Store.AddEntry(ctx, fn, e)
	if errors.Is(err, kvstore.ErrConflict) {
		return e, httpx.Errorf(http.StatusConflict, "not registered: a pack that the snapshot shares has been deleted: take another snapshot: %v", err)
	}
	if err != nil {
		return e, wrapStore("register snapshot "+e.ID, err)
	}
	if added {
		s.metrics.registrations.WithLabelValues(fn).Inc()
	}
	return e, s.step("register: entry added")
}

// describeUpload verifies what was uploaded and makes an entry of it.
func (s *Server) describeUpload(ctx context.Context, fn string, reg agent.Registration) (kvstore.Entry, error) {
	m, err := snapshot.Verify(ctx, s.cfg.Pool, fn, reg.Snapshot, "", reg.ManifestSHA256)
	if err != nil {
		return kvstore.Entry{}, err
	}
	if m.Lifetime != reg.Lifetime {
		return kvstore.Entry{}, fmt.Errorf("%w: the manifest is of lifetime %s, not %s", snapshot.ErrCorrupt, m.Lifetime, reg.Lifetime)
	}
	size, err := s.cfg.Pool.Stat(ctx, snapshot.ManifestKey(fn, reg.Snapshot))
	if err != nil {
		return kvstore.Entry{}, err
	}
	e := describe(m, size)
	e.ManifestSHA256, e.Created = reg.ManifestSHA256, s.cfg.Now()
	return e, nil
}

// describe is what an entry has of a manifest of that size.
func describe(m snapshot.Manifest, manifestBytes int64) kvstore.Entry {
	e := kvstore.Entry{
		ID:            m.ID,
		RequestNumber: m.RequestNumber,
		Lifetime:      m.Lifetime,
		Platform:      m.Platform,
		Parent:        m.Parent,
		Bytes:         m.ImageBytes(),
		StoredBytes:   m.Packs[0].Bytes + manifestBytes,
		Packs:         m.PackIDs(),
		KeyIDs:        m.KeyIDs(),
	}
	for _, p := range m.Packs[1:] {
		for _, f := range p.Frames {
			e.SharedBytes += f.Bytes
		}
	}
	return e
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
