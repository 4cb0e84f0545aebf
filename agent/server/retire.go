package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// step is a boundary at which a test may end the work.
func (s *Server) step(name string) error { return s.cfg.Faults(name) }

// retire does away with a tombstone whose lease is over: its manifest goes
// first, which nobody reads any more. Its pack goes when nothing refers to it,
// which CondemnEntry decides and then keeps so; the tombstone is forgotten
// last. Every step may be done again, and by several agents at once, so a
// crash anywhere is made good by the next round, whoever does it.
func (s *Server) retire(ctx context.Context, fn string, e kvstore.Entry) error {
	if e.Condemned.IsZero() {
		if err := s.retireManifest(ctx, fn, e); err != nil {
			return err
		}
		condemned, err := s.condemn(ctx, fn, e)
		if err != nil || !condemned {
			return err
		}
	}
	if err := s.delete(ctx, fn, e.ID, snapshot.PackKey(fn, e.ID), "purge: pack deleted"); err != nil {
		return err
	}
	if err := s.cfg.Store.PurgeEntry(ctx, fn, e.ID); err != nil {
		return fmt.Errorf("forget snapshot %s of %s: %w", e.ID, fn, err)
	}
	s.report(Chore{Function: fn, Snapshot: e.ID, Action: ActionForget})
	return s.step("purge: entry forgotten")
}

func (s *Server) retireManifest(ctx context.Context, fn string, e kvstore.Entry) error {
	if e.PackOnly() {
		return nil
	}
	return s.delete(ctx, fn, e.ID, snapshot.ManifestObject(fn, e.ID, e.Manifest), "purge: manifest deleted")
}

// condemn reports whether the entry's pack may be deleted. A pack that is in
// use stays, and is tried again.
func (s *Server) condemn(ctx context.Context, fn string, e kvstore.Entry) (bool, error) {
	err := s.cfg.Store.CondemnEntry(ctx, fn, e.ID, s.cfg.Now())
	switch {
	case errors.Is(err, kvstore.ErrConflict):
		return false, s.strip(ctx, fn, e)
	case errors.Is(err, kvstore.ErrNotFound): // another agent was faster
		return false, nil
	case err != nil:
		return false, fmt.Errorf("condemn snapshot %s of %s: %w", e.ID, fn, err)
	}
	s.metrics.condemned.WithLabelValues(fn).Inc()
	return true, s.step("purge: entry condemned")
}

// strip makes a tombstone that has no manifest any more a mere keeper of its
// pack. The packs of others, which only its manifest referred to, may go then.
func (s *Server) strip(ctx context.Context, fn string, e kvstore.Entry) error {
	if e.PackOnly() && len(e.PackIDs()) == 1 {
		return nil
	}
	keeper := kvstore.Entry{ID: e.ID, Packs: []string{e.ID}, KeyIDs: e.KeyIDs, StoredBytes: e.StoredBytes}
	err := s.cfg.Store.ReplaceEntry(ctx, fn, e.ManifestSHA256, keeper, s.cfg.Now())
	if errors.Is(err, kvstore.ErrConflict) || errors.Is(err, kvstore.ErrNotFound) { // another agent was faster
		return nil
	}
	if err != nil {
		return fmt.Errorf("strip snapshot %s of %s: %w", e.ID, fn, err)
	}
	return s.step("purge: entry stripped")
}

// delete deletes an object.
func (s *Server) delete(ctx context.Context, fn, id, key, step string) error {
	ctx, cancel := context.WithTimeout(ctx, deleteWithin)
	defer cancel()
	if err := s.cfg.Pool.Delete(ctx, key); err != nil {
		return err
	}
	s.metrics.deleted.Inc()
	s.report(Chore{Function: fn, Snapshot: id, Action: ActionDelete, Object: key})
	return s.step(step)
}
