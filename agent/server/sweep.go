package server

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// sweep deletes the objects of uploads that were never registered, and of
// functions that the store has forgotten, once they are older than sweepAfter.
// Objects that are not named like those of a snapshot are left alone.
func (s *Server) sweep(ctx context.Context) error {
	objects, err := s.cfg.Pool.List(ctx, "")
	if err != nil {
		return fmt.Errorf("list the pool: %w", err)
	}
	old := map[string][]string{} // function → keys
	for _, o := range objects {
		if fn, _, ok := parseKey(o.Key); ok && s.cfg.Now().Sub(o.Modified) > sweepAfter {
			old[fn] = append(old[fn], o.Key)
		}
	}
	var failed error
	for fn, keys := range old {
		failed = errors.Join(failed, s.sweepFunction(ctx, fn, keys))
	}
	return failed
}

// sweepFunction deletes those of the keys that belong to no entry, tombstones
// included. What is registered meanwhile was uploaded lately and is not among
// them.
func (s *Server) sweepFunction(ctx context.Context, fn string, keys []string) error {
	st, err := s.cfg.Store.State(ctx, fn)
	if err != nil {
		return fmt.Errorf("read the state of %s: %w", fn, err)
	}
	var failed error
	for _, key := range keys {
		_, id, _ := parseKey(key)
		if _, known := entryOf(st.Pool, id); !known {
			failed = errors.Join(failed, s.delete(ctx, key))
		}
	}
	return failed
}

// parseKey is the inverse of snapshot.ManifestKey and snapshot.PackKey.
func parseKey(key string) (fn, id string, ok bool) {
	parts := strings.Split(key, "/")
	if len(parts) != 3 || !kvstore.ValidName(parts[0]) || !kvstore.ValidName(parts[1]) {
		return "", "", false
	}
	fn, id = parts[0], parts[1]
	return fn, id, key == snapshot.ManifestKey(fn, id) || key == snapshot.PackKey(fn, id)
}
