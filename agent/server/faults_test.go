package server

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/kvstore"
	kvserver "github.com/pronghorn-faas/pronghorn/kvstore/server"
)

// killed is what a dying agent panics with.
type killed struct{ step string }

// scene is a pool in which everything is to be done: one snapshot to be
// registered, one to be pruned, one to be
// deleted, one that is shared, stripped and
// repacked, and one upload that was given up.
type scene struct {
	world
	setup testAgent
	reg   agent.Registration
	child string
}

func newScene(t *testing.T, w world) scene {
	t.Helper()
	s := scene{world: w, setup: w.agent(t)}
	c := s.setup.client(t, "")
	parent := upload{lifetime: "life-1", requestNumber: 1, image: big()}.take(t, c)
	s.child = w.child(t, c, parent, big(), "life-2", part())
	gone, bad := take(t, c, "life-3", 1).Snapshot, take(t, c, "life-5", 1).Snapshot
	for _, lifetime := range []string{"life-6", "life-7"} { // quarantined: the first to be pruned
		if err := c.Fail(t.Context(), bad, lifetime); err != nil {
			t.Fatal(err)
		}
	}
	w.unregister(t, parent, gone)
	s.reg = upload{lifetime: "life-4", requestNumber: 3, image: append(part(), 77), base: w.base(t, s.child, part()), parent: s.child}.store(t.Context(), t, c)
	store(t.Context(), t, c, "given-up", 1)
	w.clock.pass(DefaultLease)
	return s
}

// The errors that upkeep tells apart survive the way to a KV service.
func TestUpkeepThroughAKVService(t *testing.T) {
	w := newWorld(t)
	srv := httptest.NewServer(kvserver.New(w.store, httpx.Auth{}))
	defer srv.Close()
	client, err := kvstore.NewClient(srv.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	w.store = client
	s := newScene(t, w)
	if err := s.work(t.Context(), s.agent(t, capacityOfTwo).Server); err != nil {
		t.Fatal(err)
	}
	s.checkNothingLeaks(t, s.setup)
	if e := s.entry(t, s.child); e.Manifest == "" {
		t.Errorf("the child was not moved: %+v", e)
	}
}

func capacityOfTwo(cfg *Config) { cfg.DefaultStrategy = "request_centric&max_capacity=2" }

// work is what an agent has to do.
func (s scene) work(ctx context.Context, a *Server) error {
	if _, err := a.enter(ctx, fn, s.reg); err != nil {
		return err
	}
	for _, wait := range []time.Duration{0, DefaultLease, DefaultLease, 2 * sweepAfter} {
		s.clock.pass(wait)
		if err := a.upkeep(ctx); err != nil {
			return err
		}
		if err := a.sweep(ctx); err != nil {
			return err
		}
	}
	return nil
}

// die works until the agent is killed at the nth step, and returns the steps
// that it took.
func (s scene) die(t *testing.T, nth int) (steps []string) {
	t.Helper()
	a := s.agent(t, capacityOfTwo, func(cfg *Config) {
		cfg.Faults = func(step string) error {
			steps = append(steps, step)
			if len(steps) == nth {
				panic(killed{step})
			}
			return nil
		}
	})
	defer func() {
		if r := recover(); r != nil {
			_ = r.(killed)
		}
	}()
	if err := s.work(t.Context(), a.Server); err != nil {
		t.Fatal(err)
	}
	return steps
}

// Killed between any two changes of store and pool, an agent leaves every
// snapshot whole, and another one finishes what it began.
func TestAgentsThatAreKilledLoseNothing(t *testing.T) {
	all := newScene(t, newWorld(t)).die(t, 0)
	want := []string{
		"prune: entries unregistered", "purge: entry condemned", "purge: entry forgotten", "purge: entry stripped", "purge: manifest deleted", "purge: pack deleted",
		"register: entry added", "register: objects verified", "register: state read",
		"repack: manifest replaced", "repack: manifest written", "repack: pack entered", "repack: pack written",
		"sweep: object deleted",
	}
	if diff := cmp.Diff(want, slices.Compact(sorted(slices.Clone(all)))); diff != "" {
		t.Errorf("the boundaries that are tried (-want +got):\n%s", diff)
	}
	for nth := range all {
		if testing.Short() && nth%5 > 0 {
			continue // each takes a second
		}
		t.Run(fmt.Sprintf("at %d, after %s", nth+1, all[nth]), func(t *testing.T) {
			s := newScene(t, newWorld(t))
			s.die(t, nth+1)
			s.checkWhole(t)
			second := s.agent(t, capacityOfTwo)
			if err := s.work(t.Context(), second.Server); err != nil {
				t.Fatal(err)
			}
			s.checkWhole(t)
			s.checkNothingLeaks(t, second)
			if n := totalsOf(s.state(t).Pool).Live; n != 2 {
				t.Errorf("%d snapshots are live, want the child and the one that was registered", n)
			}
		})
	}
}
