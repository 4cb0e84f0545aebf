package server

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

func TestObjectsAreDeletedWhenTheLeaseIsOver(t *testing.T) {
	w := newWorld(t)
	a := w.agent(t)
	reg := take(t, a.client(t, ""), "life", 1)
	if _, err := w.store.RemoveEntries(t.Context(), fn, []string{reg.Snapshot}, w.clock.now()); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name             string
		wait             time.Duration
		entries, objects int
	}{
		{"at once", 0, 1, 2},
		{"shortly before", DefaultLease - time.Second, 1, 2},
		{"afterwards", 2 * time.Second, 0, 0},
	} {
		w.clock.pass(step.wait)
		if err := a.upkeep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if entries, objects := len(w.state(t).Pool), len(w.keys(t)); entries != step.entries || objects != step.objects {
			t.Errorf("%s: %d entries and %d objects, want %d and %d", step.name, entries, objects, step.entries, step.objects)
		}
	}
}

// brokenPool fails to delete the objects that it is told.
type brokenPool struct {
	snapshot.Pool
	broken map[string]bool
}

var errBroken = errors.New("broken")

func (p brokenPool) Delete(ctx context.Context, key string) error {
	if p.broken[key] {
		return errBroken
	}
	return p.Pool.Delete(ctx, key)
}

// unreadable is a pool of which no manifest can be read.
type unreadable struct{ snapshot.Pool }

func (u unreadable) Get(context.Context, string) (io.ReadCloser, int64, error) {
	return nil, 0, errBroken
}

// Killed at any point, the deletion is done again: the tombstone goes last.
func TestInterruptedDeletionIsDoneAgain(t *testing.T) {
	for name, keyOf := range map[string]func(fn, id string) string{"before the manifest": snapshot.ManifestKey, "before the pack": snapshot.PackKey} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			reg := take(t, w.agent(t).client(t, ""), "life", 1)
			if _, err := w.store.RemoveEntries(t.Context(), fn, []string{reg.Snapshot}, w.clock.now()); err != nil {
				t.Fatal(err)
			}
			w.clock.pass(DefaultLease)
			broken := brokenPool{w.pool, map[string]bool{keyOf(fn, reg.Snapshot): true}}
			a := w.agent(t, func(c *Config) { c.Pool = broken })
			if err := a.upkeep(t.Context()); !errors.Is(err, errBroken) {
				t.Fatalf("got %v", err)
			}
			if n := len(w.state(t).Pool); n != 1 {
				t.Fatalf("the store has forgotten a snapshot that still has objects")
			}
			clear(broken.broken)
			if err := a.upkeep(t.Context()); err != nil || len(w.state(t).Pool)+len(w.keys(t)) != 0 {
				t.Errorf("%v: left are %v and %v", err, w.state(t).Pool, w.keys(t))
			}
		})
	}
}

func TestUploadsThatWereNeverRegisteredAreSwept(t *testing.T) {
	w := newWorld(t)
	a := w.agent(t)
	c := a.client(t, "")
	kept := take(t, c, "life-1", 1)
	pruned := take(t, c, "life-2", 1)
	if _, err := w.store.RemoveEntries(t.Context(), fn, []string{pruned.Snapshot}, w.clock.now()); err != nil {
		t.Fatal(err)
	}
	store(t.Context(), t, c, "life-3", 1) // never registered
	if err := w.pool.Put(t.Context(), "README", errReader{}, 0); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		wait    time.Duration
		objects int
	}{{0, 7}, {sweepAfter - time.Minute, 7}, {2 * time.Minute, 5}} {
		w.clock.pass(step.wait)
		if err := a.sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(w.keys(t)); n != step.objects {
			t.Errorf("after another %s: %d objects, want %d", step.wait, n, step.objects)
		}
	}
	if _, err := snapshot.Verify(t.Context(), w.pool, fn, kept.Snapshot, "", w.state(t).Pool[0].ManifestSHA256); err != nil {
		t.Errorf("the registered one: %v", err)
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errBroken }

// An upload can be registered for a shorter time than it is kept.
func TestNoRegistrationMeetsASweep(t *testing.T) {
	if margin := sweepAfter - registerWithin; margin < 10*time.Minute {
		t.Errorf("only %s lie between the last registration and the first sweep", margin)
	}
}

func TestSnapshotsOfAPlatformThatWasLeftGoAfterADay(t *testing.T) {
	w := newWorld(t)
	w.addEntries(t, 2, "old-image")
	a := w.agent(t)
	c := a.client(t, "")
	live := func() int {
		if err := a.upkeep(t.Context()); err != nil {
			t.Fatal(err)
		}
		return totalsOf(w.state(t).Pool).Live
	}
	w.clock.pass(10 * platformIdle)
	if n := live(); n != 2 {
		t.Errorf("a function that sleeps lost its snapshots: %d left", n)
	}
	start(t, c, request("life", ""))
	if n := live(); n != 0 {
		t.Errorf("%d snapshots of the platform that was left", n)
	}
}

func TestRunTidiesUntilItsContextEnds(t *testing.T) {
	w := newWorld(t)
	a := w.agent(t)
	reg := take(t, a.client(t, ""), "life", 1)
	if _, err := w.store.RemoveEntries(t.Context(), fn, []string{reg.Snapshot}, w.clock.now()); err != nil {
		t.Fatal(err)
	}
	w.clock.pass(DefaultLease)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { a.Run(ctx); close(ended) }()
	for len(w.state(t).Pool) > 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	<-ended
}

func TestMemoryIsBounded(t *testing.T) {
	clock := &clock{}
	m := newMemory(clock.now)
	for i := range maxFunctions + 10 {
		m.failed("function-"+newID(clock.now())+string(rune('a'+i%26)), "life", "snapshot")
	}
	if len(m.functions) != maxFunctions {
		t.Errorf("%d functions are remembered, want %d", len(m.functions), maxFunctions)
	}
	clock.pass(rememberFor + time.Second)
	for range maxDecisions + 10 {
		id := newID(clock.now())
		m.planned(fn, usage{}, request(id, ""), planOf(id))
		m.failed(fn, id, "snapshot")
	}
	if n := len(m.decisions(fn)); n != maxDecisions {
		t.Errorf("%d decisions are remembered, want %d", n, maxDecisions)
	}
	m.forget(clock.now().Add(-rememberFor))
	if len(m.functions) != 1 {
		t.Errorf("%d functions are remembered, want only the one in use", len(m.functions))
	}
}

func TestIDsTellWhenTheyWereIssued(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	id := newID(at)
	if got, ok := issuedAt(id); !ok || !got.Equal(at) || !kvstore.ValidName(id) {
		t.Errorf("%q: got %v, %v", id, got, ok)
	}
	if newID(at) == id {
		t.Error("twice the same id")
	}
	for _, other := range []string{"", "mine", id + "0", "x" + id[1:], id[:len(id)-1] + "x"} {
		if got, ok := issuedAt(other); ok {
			t.Errorf("%q was issued at %v", other, got)
		}
	}
	if diff := cmp.Diff(idLength, len(id)); diff != "" {
		t.Error(diff)
	}
}
