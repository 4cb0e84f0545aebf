package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// together runs f(0) … f(n-1) at once and fails the test on any error.
func together(t *testing.T, n int, f func(i int) error) {
	t.Helper()
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	check(t, errors.Join(errs...))
}

// concurrentReporters has 64 workers report two lifetimes each, every batch
// up to three times and overlapping the one before it.
func concurrentReporters(t *testing.T, s kvstore.Store) {
	const workers, lifetimes, requests, latency = 64, 2, 20, 1000
	var applied atomic.Int64
	together(t, workers, func(worker int) error {
		rng := rand.New(rand.NewPCG(1, uint64(worker)))
		for lifetime := range lifetimes {
			for _, b := range overlapping(rng, fmt.Sprintf("w%d-%d", worker, lifetime), requests, latency) {
				res, err := s.AddSamples(t.Context(), fn, b)
				if err != nil {
					return err
				}
				applied.Add(int64(res.Applied))
			}
		}
		return nil
	})
	const want = workers * lifetimes * requests
	got := state(t, s)
	same(t, "samples counted and applied", []int64{want, want}, []int64{got.Samples, applied.Load()})
	// The mean of equal latencies is that latency, in whatever order they come.
	for i, v := range got.LatenciesUS {
		if i < requests && v != latency || i >= requests && v != 0 {
			t.Fatalf("slot %d is %v: want %d in the first %d, else 0", i, v, latency, requests)
		}
	}
}

func overlapping(rng *rand.Rand, lifetime string, requests int, latency float64) (batches []kvstore.Batch) {
	for next := 1; next <= requests; {
		b := kvstore.Batch{Lifetime: lifetime}
		end := min(next+rng.IntN(6), requests)
		for n := max(1, next-rng.IntN(3)); n <= end; n++ {
			b.Samples = append(b.Samples, kvstore.Sample{RequestNumber: n, LatencyUS: latency})
		}
		for range 1 + rng.IntN(3) {
			batches = append(batches, b)
		}
		next = end + 1
	}
	return batches
}

// consistentReads writes batches that set two slots to the same value and
// looks for a read that sees them differ, or the counter not with them.
func consistentReads(t *testing.T, s kvstore.Store) {
	check(t, s.SetParams(t.Context(), fn, 0, kvstore.Params{MaxRequests: 100, Epsilon: 1}))
	together(t, 4, func(i int) error {
		for k := range 25 {
			if i == 0 {
				us := float64(k + 1)
				b := kvstore.Batch{Lifetime: fmt.Sprintf("l%d", k), Samples: pairs(1, us, 50, us)}
				if _, err := s.AddSamples(t.Context(), fn, b); err != nil {
					return err
				}
			}
			st, err := s.State(t.Context(), fn)
			if err != nil {
				return err
			}
			if a, b := st.LatenciesUS[0], st.LatenciesUS[49]; a != b || 2*a != float64(st.Samples) {
				return fmt.Errorf("read slots %v and %v after %d samples: they were written together", a, b, st.Samples)
			}
		}
		return nil
	})
}
