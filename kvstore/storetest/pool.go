package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

func entry(id string) kvstore.Entry {
	return kvstore.Entry{
		ID: id, RequestNumber: 7, Lifetime: "lt-1", Platform: `amd64 "6.18" <é>`, Bytes: 1<<53 + 1,
		StoredBytes: 1<<53 + 3, SharedBytes: 3, Parent: "p-1", KeyIDs: []string{"key.1"},
		ManifestSHA256: "00ff", Created: when(),
	}
}

func addEntry(t *testing.T, s kvstore.Store, e kvstore.Entry, want bool) {
	t.Helper()
	same(t, "added "+e.ID, want, must(s.AddEntry(t.Context(), fn, e))(t))
}

func entryAddedOnce(t *testing.T, s kvstore.Store) {
	addEntry(t, s, entry("a"), true)
	again := entry("a")
	again.Bytes = 1
	addEntry(t, s, again, false)
	same(t, "pool", []kvstore.Entry{entry("a")}, state(t, s).Pool)
}

func entriesInOrder(t *testing.T, s kvstore.Store) {
	ids := []string{"m", "a", "z", "B", "0"}
	var want []kvstore.Entry
	for _, id := range ids {
		addEntry(t, s, entry(id), true)
		want = append(want, entry(id))
	}
	same(t, "pool", want, state(t, s).Pool)

	marked := entry("marked")
	marked.Failures, marked.Condemned, marked.Replaced = []string{"x"}, when(), when()
	addEntry(t, s, marked, true)
	same(t, "an entry enters without failures and not condemned", append(want, entry("marked")), state(t, s).Pool)
}

func removedEntry(t *testing.T, s kvstore.Store) {
	addEntry(t, s, entry("a"), true)
	addEntry(t, s, entry("b"), true)
	at := when().Add(time.Hour)
	tomb := entry("a")
	tomb.Deleted = at
	got := must(s.RemoveEntries(t.Context(), fn, []string{"a", "a", "unknown", "not a name"}, at))(t)
	same(t, "removed", []kvstore.Entry{tomb}, got)
	got = must(s.RemoveEntries(t.Context(), fn, []string{"a"}, at.Add(time.Hour)))(t)
	same(t, "removed the second time", []kvstore.Entry{}, got)
	addEntry(t, s, entry("a"), false)
	same(t, "pool", []kvstore.Entry{tomb, entry("b")}, state(t, s).Pool)

	got = must(s.RemoveEntries(t.Context(), "unknown", []string{"a"}, at))(t)
	same(t, "removed of an unknown function", []kvstore.Entry{}, got)
	same(t, "functions", []string{fn}, must(s.Functions(t.Context()))(t))
}

func purgedEntry(t *testing.T, s kvstore.Store) {
	addEntry(t, s, entry("a"), true)
	for range 2 {
		if err := s.PurgeEntry(t.Context(), fn, "a"); !errors.Is(err, kvstore.ErrInvalid) {
			t.Errorf("purging an entry that is not condemned: got %v, want ErrInvalid", err)
		}
		remove(t, s, when(), "a")
	}
	condemn(t, s, "a")
	check(t, s.PurgeEntry(t.Context(), fn, "a"))
	check(t, s.PurgeEntry(t.Context(), fn, "a"))
	check(t, s.PurgeEntry(t.Context(), "unknown", "a"))
	same(t, "pool", []kvstore.Entry{}, state(t, s).Pool)
	addEntry(t, s, entry("a"), true)
}

func failedEntry(t *testing.T, s kvstore.Store) {
	addEntry(t, s, entry("a"), true)
	want := entry("a")
	for _, step := range []struct {
		lifetime string
		failures []string
	}{
		{"one", []string{"one"}},
		{"one", []string{"one"}},
		{"two", []string{"one", "two"}},
	} {
		want.Failures = step.failures
		same(t, "entry", want, must(s.FailEntry(t.Context(), fn, "a", step.lifetime))(t))
	}
	same(t, "pool", []kvstore.Entry{want}, state(t, s).Pool)
	for _, function := range []string{fn, "unknown"} {
		if _, err := s.FailEntry(t.Context(), function, "b", "one"); !errors.Is(err, kvstore.ErrNotFound) {
			t.Errorf("failing an unknown entry of %s: got %v, want ErrNotFound", function, err)
		}
	}
}

func deletedFunction(t *testing.T, s kvstore.Store) {
	once := pairs(1, 100)
	setW(t, s, 5)
	report(t, s, "a", once, kvstore.BatchResult{Applied: 1})
	addEntry(t, s, entry("a"), true)
	reserve(t, s, pending("b", "a"), when(), "a")
	must(s.AddEntry(t.Context(), "kept", entry("a")))(t)
	check(t, s.DeleteFunction(t.Context(), fn))
	check(t, s.DeleteFunction(t.Context(), fn))
	same(t, "functions", []string{"kept"}, must(s.Functions(t.Context()))(t))
	same(t, "pool of another function", 1, len(must(s.State(t.Context(), "kept"))(t).Pool))
	check(t, s.DeleteFunction(t.Context(), "kept"))
	unwrittenFunction(t, s)
	report(t, s, "a", once, kvstore.BatchResult{Applied: 1})
}

func listedFunctions(t *testing.T, s kvstore.Store) {
	names := []string{"A", "a", "a-1", "a.b", "a_b", "b"}
	for i := range names {
		must(s.AddEntry(t.Context(), names[len(names)-1-i], entry("x")))(t)
	}
	must(s.State(t.Context(), "only-read"))(t)
	same(t, "functions", names, must(s.Functions(t.Context()))(t))
}

func concurrentPoolChanges(t *testing.T, s kvstore.Store) {
	const n = 32
	id := func(i int) string { return fmt.Sprintf("s%02d", i) }
	together(t, n, func(i int) error {
		_, err := s.AddEntry(t.Context(), fn, entry(id(i)))
		return err
	})
	same(t, "entries", n, len(state(t, s).Pool))
	together(t, n, func(i int) error {
		if i%2 == 0 {
			_, err := s.FailEntry(t.Context(), fn, id(0), fmt.Sprintf("lt%d", i))
			return err
		}
		_, err := s.RemoveEntries(t.Context(), fn, []string{id(i)}, when())
		return err
	})
	got := state(t, s)
	failures, deleted := 0, 0
	for _, e := range got.Pool {
		failures += len(e.Failures)
		if !e.Deleted.IsZero() {
			deleted++
		}
	}
	same(t, "failures and tombstones", []int{n / 2, n / 2}, []int{failures, deleted})
}
