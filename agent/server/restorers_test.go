package server

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// shortLease is real time, in which workers plan, wait for up to half of it,
// and restore.
const shortLease = 1500 * time.Millisecond

// restorer is a worker that starts lifetimes and takes a snapshot in each.
type restorer struct {
	t      *testing.T
	name   string
	agents []testAgent
	rng    *rand.Rand
	// restored counts the lifetimes that started from a snapshot, late those
	// that would have, but were not done when the lease was over.
	restored, late int
}

// lifetime restores what it is told, later, and stores a descendant of it.
func (r *restorer) lifetime(n int) error {
	ctx := r.t.Context()
	c := r.agents[r.rng.IntN(len(r.agents))].client(r.t, "")
	id, began := fmt.Sprintf("%s-%d", r.name, n), time.Now()
	plan, err := c.Start(ctx, request(id, "request_centric&max_capacity=12"))
	if err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	u := upload{lifetime: id, requestNumber: 1, image: r.fresh()}
	if plan.Restore != nil {
		time.Sleep(time.Duration(r.rng.Int64N(int64(shortLease / 2))))
		u, err = r.restore(ctx, plan.Restore, u)
		if err != nil && time.Since(began) >= shortLease { // on a busy machine; nothing is promised then
			r.late++
			return nil
		}
		if err != nil {
			return fmt.Errorf("restore of %s: %w", plan.Restore.Snapshot, err)
		}
		r.restored++
	}
	c = r.agents[r.rng.IntN(len(r.agents))].client(r.t, "")
	if _, err := c.Register(ctx, u.store(ctx, r.t, c)); err != nil {
		return fmt.Errorf("registration: %w", err)
	}
	return nil
}

// frames is how many frames of a pack an image fills.
const frames = 6

// fresh is the memory of a cold start, pages of which no other process has any.
func (r *restorer) fresh() testImage { return run(1+r.rng.IntN(1<<30), frames*128) }

// restore reads all objects of a snapshot, and then changes some pages.
func (r *restorer) restore(ctx context.Context, plan *agent.Restore, u upload) (upload, error) {
	dir := filepath.Join(r.t.TempDir(), "restored")
	defer os.RemoveAll(dir)
	got, err := snapshot.NewTransfer(nil).Fetch(ctx, snapshot.FetchRequest{
		ManifestURL: plan.ManifestURL, ManifestSHA256: plan.ManifestSHA256, PackURLs: plan.PackURLs(), Dir: dir,
	})
	if err != nil {
		return u, err
	}
	raw, err := os.ReadFile(filepath.Join(dir, "pages-1.img"))
	if err != nil {
		return u, err
	}
	u.base, err = snapshot.NewBase(ctx, got.Manifest, dir)
	u.parent, u.requestNumber, u.pages = plan.Snapshot, plan.RequestNumber+1, r.mutate(raw)
	return u, err
}

// mutate keeps the pages of one frame, so that old packs are soon mostly dead.
func (r *restorer) mutate(raw []byte) []byte {
	next, frame := r.fresh().raw(), len(raw)/frames
	at := r.rng.IntN(frames) * frame
	copy(next[at:at+frame], raw[at:])
	return next
}

// Two agents prune, delete and repack while workers plan, wait and restore, and
// share what they restored: no restorer misses an object, no upload that was
// granted a pack is refused, and in the end every snapshot is whole.
func TestNoRestorerMissesAnObject(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w world) {
		const workers = 4
		lasts := 8 * time.Second
		if testing.Short() {
			lasts /= 4
		}
		var moved, deleted atomic.Int32
		count := func(cfg *Config) {
			cfg.Faults = func(step string) error {
				switch step {
				case "repack: manifest replaced":
					moved.Add(1)
				case "purge: pack deleted":
					deleted.Add(1)
				}
				return nil
			}
		}
		agents := []testAgent{w.agent(t, count), w.agent(t, count)}
		for i := range agents {
			agents[i].cfg.Lease = shortLease
		}
		w.preferDescendants(t)
		ctx, cancel := context.WithCancel(t.Context())
		var upkeep, work sync.WaitGroup
		for _, a := range agents {
			upkeep.Go(func() { keepTidy(ctx, t, a) })
		}
		deadline, all := time.Now().Add(lasts), make([]restorer, workers)
		for i := range all {
			all[i] = restorer{t: t, name: fmt.Sprintf("w%d", i), agents: agents, rng: rand.New(rand.NewPCG(5, uint64(i)))}
			work.Go(func() {
				for n := 0; time.Now().Before(deadline); n++ {
					if err := all[i].lifetime(n); err != nil {
						t.Error(err)
					}
				}
			})
		}
		work.Wait()
		cancel()
		upkeep.Wait()
		w.checkWhole(t)
		restored, late := 0, 0
		for _, r := range all {
			restored, late = restored+r.restored, late+r.late
		}
		t.Logf("%d lifetimes restored, %d too late, %d packs deleted, %d snapshots moved to another pack", restored, late, deleted.Load(), moved.Load())
		if !testing.Short() && (restored < workers || deleted.Load() == 0) {
			t.Error("too little happened to tell anything")
		}
		w.checkNothingLeaks(t, agents[0])
	})
}

// preferDescendants makes every request faster than the one before it, so that
// ancestors are pruned before their descendants.
func (w world) preferDescendants(t *testing.T) {
	t.Helper()
	b := kvstore.Batch{Lifetime: "before"}
	for n := 1; n <= 100; n++ {
		b.Samples = append(b.Samples, kvstore.Sample{RequestNumber: n, LatencyUS: 1e6 / float64(n)})
	}
	if _, err := w.store.AddSamples(t.Context(), fn, b); err != nil {
		t.Fatal(err)
	}
}

func keepTidy(ctx context.Context, t *testing.T, a testAgent) {
	for ctx.Err() == nil {
		for _, err := range []error{a.upkeep(ctx), a.sweep(ctx)} {
			if err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}
