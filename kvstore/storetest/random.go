package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// Change is one random change of a latency table.
type Change struct {
	// Params are new parameters; nil if the change is a batch.
	Params *kvstore.Params
	Batch  kvstore.Batch
}

// Changes returns n random changes, the same ones for the same seed. Some
// batches come again, some samples lie beyond the table.
func Changes(seed uint64, n int) []Change {
	rng := rand.New(rand.NewPCG(seed, 2))
	changes := make([]Change, n)
	for i := range changes {
		if rng.IntN(20) == 0 {
			changes[i].Params = &kvstore.Params{MaxRequests: 2 + rng.IntN(150), Epsilon: 1 - rng.Float64()}
			continue
		}
		changes[i].Batch = randomBatch(rng)
	}
	return changes
}

func randomBatch(rng *rand.Rand) kvstore.Batch {
	b := kvstore.Batch{Lifetime: fmt.Sprintf("lt-%d", rng.IntN(30))}
	start := 1 + rng.IntN(120)
	for i := range 1 + rng.IntN(40) {
		b.Samples = append(b.Samples, kvstore.Sample{RequestNumber: start + i, LatencyUS: 1e6 * rng.ExpFloat64() * (1e-9 + rng.Float64())})
	}
	return b
}

// Apply makes a change of function fn in a store whose parameters are at the
// version given, and returns the version after it.
func (c Change) Apply(ctx context.Context, s kvstore.Store, fn string, version int64) (int64, kvstore.BatchResult, error) {
	if c.Params != nil {
		return version + 1, kvstore.BatchResult{}, s.SetParams(ctx, fn, version, *c.Params)
	}
	res, err := s.AddSamples(ctx, fn, c.Batch)
	return version, res, err
}

// changes is n, or a fourth of it in a short run, which looks for races.
func changes(n int) int {
	if testing.Short() {
		return n / 4
	}
	return n
}

func randomChanges(t *testing.T, s kvstore.Store) {
	ref, version := NewReference(), int64(0)
	for i, c := range Changes(1, changes(200)) {
		next, got, err := c.Apply(t.Context(), s, fn, version)
		check(t, err)
		version = next
		var want kvstore.BatchResult
		if c.Params != nil {
			ref.Set(*c.Params)
		} else {
			want = ref.Add(c.Batch)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("change %d (-want +got):\n%s", i, diff)
		}
	}
	st := state(t, s)
	same(t, "parameters", ref.Params, st.Params)
	same(t, "samples", ref.Samples, st.Samples)
	same(t, "table, bit for bit", ref.Latencies, st.LatenciesUS)
}
