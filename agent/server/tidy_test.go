package server

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// A dry run says what the next real one does, and changes nothing.
func TestDryRunSaysWhatWouldBeDone(t *testing.T) {
	s := newScene(t, newWorld(t))
	for _, wait := range []time.Duration{0, registerWithin, 2 * sweepAfter} {
		s.clock.pass(wait)
		keys, state := s.keys(t), s.state(t)
		would, err := s.agent(t).Tidy(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(keys, s.keys(t)) + cmp.Diff(state, s.state(t)); diff != "" {
			t.Fatalf("a dry run changed (-before +after):\n%s", diff)
		}
		did, err := s.agent(t).Tidy(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(chores(would), chores(did)); diff != "" || len(did) == 0 {
			t.Errorf("after another %s (-said +done):\n%s", wait, diff)
		}
		s.checkWhole(t)
	}
}

// chores are lines, sorted; new packs have new names.
func chores(all []Chore) []string {
	lines := []string{}
	for _, c := range all {
		lines = append(lines, strings.Join([]string{c.Action, c.Snapshot, c.Object}, " "))
	}
	return sorted(lines)
}

func TestTidyGoesOnAfterAFailure(t *testing.T) {
	w := newWorld(t)
	a := w.agent(t)
	c := a.client(t, "")
	one, two := take(t, c, "life-1", 1).Snapshot, take(t, c, "life-2", 1).Snapshot
	w.unregister(t, one, two)
	w.clock.pass(DefaultLease)
	broken := w.agent(t, func(cfg *Config) {
		cfg.Store = brokenCondemnation{w.store, one}
	})
	done, err := broken.Tidy(t.Context(), false)
	if err == nil || !strings.Contains(err.Error(), "condemn snapshot "+one) {
		t.Errorf("got %v", err)
	}
	if _, known := entryOf(w.state(t).Pool, two); known || len(done) == 0 {
		t.Errorf("the other one is still there; done: %+v", done)
	}
}

// brokenCondemnation fails to condemn one entry.
type brokenCondemnation struct {
	kvstore.Store
	id string
}

func (b brokenCondemnation) CondemnEntry(ctx context.Context, fn, id string, now time.Time) error {
	if id == b.id {
		return errBroken
	}
	return b.Store.CondemnEntry(ctx, fn, id, now)
}
