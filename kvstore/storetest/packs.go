package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// sharing is an entry that refers to its own pack and to those of others.
func sharing(id string, others ...string) kvstore.Entry {
	e := entry(id)
	e.Packs = append([]string{id}, others...)
	return e
}

func wantConflict(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, kvstore.ErrConflict) {
		t.Errorf("%s: got %v, want ErrConflict", what, err)
	}
}

// remove makes tombstones.
func remove(t *testing.T, s kvstore.Store, at time.Time, ids ...string) {
	t.Helper()
	must(s.RemoveEntries(t.Context(), fn, ids, at))(t)
}

func condemn(t *testing.T, s kvstore.Store, id string) {
	t.Helper()
	check(t, s.CondemnEntry(t.Context(), fn, id, when()))
}

// pending is an upload that may take an hour from when().
func pending(id string, packs ...string) kvstore.Pending {
	return kvstore.Pending{ID: id, Packs: packs, Until: when().Add(time.Hour)}
}

func reserve(t *testing.T, s kvstore.Store, p kvstore.Pending, now time.Time, want ...string) {
	t.Helper()
	same(t, "granted to "+p.ID, append([]string{}, want...), must(s.Reserve(t.Context(), fn, p, now))(t))
}

func referredPacks(t *testing.T, s kvstore.Store) {
	addEntry(t, s, sharing("a"), true)
	addEntry(t, s, entry("tomb"), true)
	addEntry(t, s, entry("gone"), true)
	remove(t, s, when(), "tomb", "gone")
	condemn(t, s, "gone")
	for _, pack := range []string{"gone", "unknown"} {
		_, err := s.AddEntry(t.Context(), fn, sharing("b", "a", pack))
		wantConflict(t, "an entry that refers to "+pack, err)
	}
	addEntry(t, s, sharing("b", "a", "tomb"), true)
	same(t, "entry", sharing("b", "a", "tomb"), state(t, s).Pool[3])
}

func tombstoneEnters(t *testing.T, s kvstore.Store) {
	keeper := kvstore.Entry{ID: "keeper", StoredBytes: 7, Created: when(), Deleted: when()}
	addEntry(t, s, keeper, true)
	got := state(t, s).Pool
	same(t, "pool", []kvstore.Entry{keeper}, got)
	same(t, "it only keeps a pack", true, got[0].PackOnly())
}

func packsInUse(t *testing.T, s kvstore.Store) {
	condemnable := func(id string) error { return s.CondemnEntry(t.Context(), fn, id, when()) }
	addEntry(t, s, entry("a"), true) // without Packs: its own
	addEntry(t, s, sharing("b", "a"), true)
	wantConflict(t, "a live entry", condemnable("a"))
	remove(t, s, when(), "a")
	wantConflict(t, "what a live entry refers to", condemnable("a"))
	remove(t, s, when(), "b")
	wantConflict(t, "what a tombstone refers to", condemnable("a"))
	if err := s.PurgeEntry(t.Context(), fn, "a"); !errors.Is(err, kvstore.ErrInvalid) {
		t.Errorf("purging what is not condemned: got %v, want ErrInvalid", err)
	}
	for _, id := range []string{"b", "a", "a"} {
		check(t, condemnable(id))
	}
	for _, function := range []string{fn, "unknown"} {
		if err := s.CondemnEntry(t.Context(), function, "c", when()); !errors.Is(err, kvstore.ErrNotFound) {
			t.Errorf("condemning an unknown entry of %s: got %v, want ErrNotFound", function, err)
		}
	}
	got := state(t, s).Pool[0]
	same(t, "tombstone", []time.Time{when(), when()}, []time.Time{got.Deleted, got.Condemned})
}

func reservedPacks(t *testing.T, s kvstore.Store) {
	for _, id := range []string{"live", "tomb", "gone"} {
		addEntry(t, s, entry(id), true)
	}
	remove(t, s, when(), "tomb", "gone")
	condemn(t, s, "gone")
	all := pending("new", "tomb", "gone", "live", "unknown")
	reserve(t, s, all, when(), "tomb", "live")
	same(t, "uploads", []kvstore.Pending{pending("new", "tomb", "live")}, state(t, s).Pending)

	early, late := all.Until.Add(-time.Nanosecond), all.Until
	wantConflict(t, "a reserved pack", s.CondemnEntry(t.Context(), fn, "tomb", early))
	check(t, s.CondemnEntry(t.Context(), fn, "tomb", late))
	reserve(t, s, pending("other", "live"), late, "live")
	same(t, "uploads without those that are over", []kvstore.Pending{pending("other", "live")}, state(t, s).Pending)
	reserve(t, s, pending("other", "tomb"), when())
	same(t, "what has nothing is not kept", 0, len(state(t, s).Pending))
}

func releasedPacks(t *testing.T, s kvstore.Store) {
	addEntry(t, s, entry("a"), true)
	remove(t, s, when(), "a")
	reserve(t, s, pending("b", "a"), when(), "a")
	reserve(t, s, pending("c", "a"), when(), "a")
	addEntry(t, s, sharing("b"), true) // it made no use of it
	same(t, "uploads", []kvstore.Pending{pending("c", "a")}, state(t, s).Pending)
	addEntry(t, s, sharing("b"), false)
	addEntry(t, s, entry("c"), true)
	condemn(t, s, "a")
}

func boundedReservations(t *testing.T, s kvstore.Store) {
	addEntry(t, s, entry("a"), true)
	together(t, 8, func(i int) error {
		for ; i < kvstore.MaxPending; i += 8 {
			if _, err := s.Reserve(t.Context(), fn, pending(fmt.Sprintf("p%d", i), "a"), when()); err != nil {
				return err
			}
		}
		return nil
	})
	same(t, "uploads", kvstore.MaxPending, len(state(t, s).Pending))
	reserve(t, s, pending("one-more", "a"), when())
	reserve(t, s, pending("p0", "a"), when(), "a")
	reserve(t, s, pending("later", "a"), when().Add(2*time.Hour), "a")
}

func replacedManifest(t *testing.T, s kvstore.Store) {
	for _, id := range []string{"old", "new", "gone"} {
		addEntry(t, s, entry(id), true)
	}
	addEntry(t, s, sharing("a", "old"), true)
	remove(t, s, when(), "old", "new", "gone")
	condemn(t, s, "gone")

	next := sharing("a", "new")
	next.Manifest, next.ManifestSHA256, next.KeyIDs, next.StoredBytes, next.SharedBytes = "manifest-2.json", "11", []string{"k"}, 5, 6
	wantConflict(t, "another manifest", s.ReplaceEntry(t.Context(), fn, "22", next, when()))
	wantConflict(t, "a condemned pack", s.ReplaceEntry(t.Context(), fn, "00ff", sharing("a", "gone"), when()))
	if err := s.ReplaceEntry(t.Context(), fn, "00ff", entry("unknown"), when()); !errors.Is(err, kvstore.ErrNotFound) {
		t.Errorf("replacing an unknown entry: got %v, want ErrNotFound", err)
	}
	now := when().Add(time.Hour)
	for range 2 { // the second time it is as it should be
		check(t, s.ReplaceEntry(t.Context(), fn, "00ff", next, now))
	}
	wantConflict(t, "the manifest before", s.ReplaceEntry(t.Context(), fn, "00ff", sharing("a"), now))

	pool := state(t, s).Pool
	next.Replaced = now
	same(t, "entry", next, pool[3])
	same(t, "the pack that it left stays anew, others do not", []time.Time{now, when()}, []time.Time{pool[0].Deleted, pool[1].Deleted})
	check(t, s.CondemnEntry(t.Context(), fn, "old", now))
}

// A tombstone was offered until it was deleted, so what it leaves need not
// stay for longer.
func strippedTombstone(t *testing.T, s kvstore.Store) {
	addEntry(t, s, entry("a"), true)
	addEntry(t, s, sharing("b", "a"), true)
	remove(t, s, when(), "a")
	deleted := when().Add(time.Minute)
	remove(t, s, deleted, "b")
	check(t, s.ReplaceEntry(t.Context(), fn, "00ff", kvstore.Entry{ID: "b", Packs: []string{"b"}}, when().Add(time.Hour)))
	pool := state(t, s).Pool
	same(t, "the pack that it left", deleted, pool[0].Deleted)
	same(t, "it only keeps a pack", true, pool[1].PackOnly())
	same(t, "the rest of it", []any{7, deleted}, []any{pool[1].RequestNumber, pool[1].Deleted})
	condemn(t, s, "a")
}

// concurrentCondemners has adders and reservers refer to packs while others
// condemn them: no entry ever refers to a pack that is condemned or gone, and
// what was reserved stays usable.
func concurrentCondemners(t *testing.T, s kvstore.Store) {
	const packs, workers = 12, 12
	var ids []string
	for i := range packs {
		ids = append(ids, fmt.Sprintf("pack%d", i))
		addEntry(t, s, entry(ids[i]), true)
	}
	remove(t, s, when(), ids...)
	together(t, workers, func(i int) error {
		for k := range packs {
			pack := ids[(i+k)%packs]
			if err := refer(t, s, i%3, fmt.Sprintf("w%d-%d", i, k), pack); err != nil {
				return err
			}
		}
		return nil
	})
	checkReferences(t, state(t, s))
}

// refer condemns and purges a pack, refers to it, or reserves it first.
func refer(t *testing.T, s kvstore.Store, role int, id, pack string) error {
	ctx := t.Context()
	if role == 0 {
		err := s.CondemnEntry(ctx, fn, pack, when())
		if err == nil {
			err = s.PurgeEntry(ctx, fn, pack)
		}
		return ignore(err, kvstore.ErrConflict, kvstore.ErrNotFound)
	}
	if role == 1 {
		_, err := s.AddEntry(ctx, fn, sharing(id, pack))
		return ignore(err, kvstore.ErrConflict)
	}
	granted, err := s.Reserve(ctx, fn, pending(id, pack), when())
	if err != nil || len(granted) == 0 {
		return err
	}
	_, err = s.AddEntry(ctx, fn, sharing(id, granted...)) // no conflict is forgiven
	return err
}

func ignore(err error, kinds ...error) error {
	if slices.ContainsFunc(kinds, func(kind error) bool { return errors.Is(err, kind) }) {
		return nil
	}
	return err
}

// checkReferences is the invariant of a pool.
func checkReferences(t *testing.T, st kvstore.State) {
	t.Helper()
	there := map[string]bool{}
	for _, e := range st.Pool {
		there[e.ID] = e.Condemned.IsZero()
	}
	for _, e := range st.Pool {
		for _, pack := range e.PackIDs() {
			if e.Condemned.IsZero() && !there[pack] {
				t.Errorf("entry %s refers to pack %s, which is condemned or gone", e.ID, pack)
			}
		}
	}
}
