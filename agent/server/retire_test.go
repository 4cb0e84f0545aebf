package server

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// tidy lets the lease pass and does a round of upkeep.
func (w world) tidy(t testing.TB, a testAgent) {
	t.Helper()
	w.clock.pass(DefaultLease + time.Second)
	if err := a.upkeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.checkWhole(t)
}

// A grandparent, a parent and a child, each with a page of its own: a pack goes
// when the last snapshot that needs it has gone, and no later.
func TestPacksStayWhileTheyAreShared(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w world) {
		a := w.agent(t)
		c := a.client(t, "")
		image := []testImage{run(1, 3), {1, 2, 4, 5}, {4, 5, 6}}
		oldest := upload{lifetime: "life-1", requestNumber: 1, image: image[0]}.take(t, c)
		middle := w.child(t, c, oldest, image[0], "life-2", image[1])
		youngest := w.child(t, c, middle, image[1], "life-3", image[2]) // needs nothing of the oldest
		manifest, pack := snapshot.ManifestKey, snapshot.PackKey
		for _, step := range []struct {
			claim  string
			remove string
			keys   []string
		}{
			{"the oldest keeps its pack for the middle one", oldest,
				[]string{pack(fn, oldest), pack(fn, middle), manifest(fn, middle), pack(fn, youngest), manifest(fn, youngest)}},
			{"the middle one keeps its own for the youngest, and no other", middle,
				[]string{pack(fn, middle), pack(fn, youngest), manifest(fn, youngest)}},
			{"nothing is left", youngest, []string{}},
		} {
			w.unregister(t, step.remove)
			w.tidy(t, a)
			if diff := cmp.Diff(sorted(step.keys), w.keys(t)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", step.claim, diff)
			}
		}
		if left := w.state(t).Pool; len(left) != 0 {
			t.Errorf("the store still knows %+v", left)
		}
	})
}

// All tombstones of a lineage go in one round.
func TestALineageGoesAtOnce(t *testing.T) {
	w := newWorld(t)
	a := w.agent(t)
	c := a.client(t, "")
	id, image := upload{lifetime: "life-0", requestNumber: 1, image: run(1, 4)}.take(t, c), run(1, 4)
	ids := []string{id}
	for n := range 4 {
		next := append(image[:len(image):len(image)], 100+n)
		id = w.child(t, c, id, image, "life-"+string(rune('1'+n)), next)
		ids, image = append(ids, id), next
	}
	w.unregister(t, ids...)
	w.tidy(t, a)
	if keys, pool := w.keys(t), w.state(t).Pool; len(keys)+len(pool) != 0 {
		t.Errorf("left: %v, %+v", keys, pool)
	}
}

func TestSweepKeepsWhatMayBeNeeded(t *testing.T) {
	w := newWorld(t)
	a := w.agent(t)
	c := a.client(t, "")
	parent := take(t, c, "life-1", 1).Snapshot
	up := upload{lifetime: "life-2", requestNumber: 1, image: imageFor("life-1"), base: w.base(t, parent, imageFor("life-1"))}
	reg := up.store(t.Context(), t, c)
	pending := w.state(t).Pending[0]
	pending.Until = w.clock.now().Add(10 * sweepAfter) // somebody takes very long
	if _, err := w.store.Reserve(t.Context(), fn, pending, w.clock.now()); err != nil {
		t.Fatal(err)
	}
	e := w.entry(t, parent)
	next := e
	next.Manifest, next.ManifestSHA256 = "manifest-7.json", "11"
	if err := w.store.ReplaceEntry(t.Context(), fn, e.ManifestSHA256, next, w.clock.now().Add(sweepAfter)); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		claim   string
		objects int
	}{
		{"an upload that is going on, and a manifest that was just replaced", 4},
		{"a manifest that was replaced long ago goes", 3},
	} {
		w.clock.pass(sweepAfter + time.Minute)
		if err := a.sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if keys := w.keys(t); len(keys) != step.objects {
			t.Errorf("%s: left are %v (of the upload %s)", step.claim, keys, reg.Snapshot)
		}
	}
}
