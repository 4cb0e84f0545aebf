package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// packName is the last part of a pack's key.
const packName = "image.pack"

// sweep deletes what nobody will ever need of what is older than sweepAfter:
// uploads that were never registered, what interrupted repacking left,
// manifests that were replaced, and the objects of functions that the store
// has forgotten. Objects that are not named like those of a snapshot are left
// alone.
func (s *Server) sweep(ctx context.Context) error {
	objects, err := s.cfg.Pool.List(ctx, "")
	if err != nil {
		return fmt.Errorf("list the pool: %w", err)
	}
	old := map[string][]object{} // by function
	for _, o := range objects {
		if key, ok := parseKey(o.Key); ok && s.cfg.Now().Sub(o.Modified) > sweepAfter {
			old[key.fn] = append(old[key.fn], key)
		}
	}
	var failed error
	for fn, keys := range old {
		failed = errors.Join(failed, s.sweepFunction(ctx, fn, keys))
	}
	return failed
}

// sweepFunction deletes those of the objects that nobody needs. What is
// registered meanwhile was uploaded lately and is not among them.
func (s *Server) sweepFunction(ctx context.Context, fn string, old []object) error {
	st, err := s.cfg.Store.State(ctx, fn)
	if err != nil {
		return fmt.Errorf("read the state of %s: %w", fn, err)
	}
	var failed error
	for _, o := range old {
		if !s.needed(st, o) {
			failed = errors.Join(failed, s.delete(ctx, fn, o.id, o.key, "sweep: object deleted"))
		}
	}
	return failed
}

// needed reports whether something may still read an object. The pack of an
// entry is the business of upkeep, even if nothing refers to it.
func (s *Server) needed(st kvstore.State, o object) bool {
	now := s.cfg.Now()
	uploading := func(p kvstore.Pending) bool { return p.ID == o.id && p.Until.After(now) }
	e, known := entryOf(st.Pool, o.id)
	switch {
	case slices.ContainsFunc(st.Pending, uploading):
		return true
	case !known:
		return o.name == packName && slices.ContainsFunc(st.Pool, func(e kvstore.Entry) bool { return e.Refers(o.id) })
	case o.name == packName:
		return true
	case o.key == snapshot.ManifestObject(st.Function, e.ID, e.Manifest) && !e.PackOnly():
		return true
	}
	return s.cfg.Now().Sub(e.Replaced) <= max(sweepAfter, s.cfg.Lease) // a plan may name it
}

// object is an object of a snapshot.
type object struct{ key, fn, id, name string }

// parseKey is the inverse of snapshot.ManifestObject and snapshot.PackKey.
func parseKey(key string) (object, bool) {
	parts := strings.Split(key, "/")
	if len(parts) != 3 || !kvstore.ValidName(parts[0]) || !kvstore.ValidName(parts[1]) {
		return object{}, false
	}
	o := object{key, parts[0], parts[1], parts[2]}
	return o, o.name == packName || snapshot.ValidManifestName(o.name)
}
