package server

import (
	"context"
	"errors"
)

// What upkeep does.
const (
	ActionUnregister = "unregister" // a snapshot leaves the pool
	ActionDelete     = "delete"     // an object is deleted
	ActionForget     = "forget"     // the store forgets a tombstone
	ActionRepack     = "repack"     // the part of a pack that is in use is copied
)

// Chore is one thing that upkeep did.
type Chore struct {
	Function string `json:"function"`
	// Snapshot is the snapshot, or the pack, that it was done to.
	Snapshot string `json:"snapshot"`
	Action   string `json:"action"`
	// Object is the key of the object that was deleted.
	Object string `json:"object,omitempty"`
	// Bytes is what will be saved by repacking.
	Bytes int64 `json:"bytes,omitempty"`
}

// Tidy does one round of upkeep and a sweep now, and returns what was done, as
// far as it got. A dry run changes nothing and returns what would be done.
func (s *Server) Tidy(ctx context.Context, dryRun bool) ([]Chore, error) {
	var done []Chore
	t := *s
	t.report = func(c Chore) { done = append(done, c) }
	if dryRun {
		t.cfg.Store, t.cfg.Pool = newDryStore(s.cfg.Store), newDryPool(s.cfg.Pool)
	}
	err := errors.Join(t.upkeep(ctx), t.sweep(ctx))
	return done, err
}
