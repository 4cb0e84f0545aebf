package storetest

import (
	"math"
	"testing"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

func unwrittenFunction(t *testing.T, s kvstore.Store) {
	same(t, "state", kvstore.State{
		Function: fn, Params: kvstore.DefaultParams(),
		LatenciesUS: make([]float64, 100), Pool: []kvstore.Entry{},
	}, state(t, s))
	same(t, "functions", []string{}, must(s.Functions(t.Context()))(t))
}

func samplesFollowTheRule(t *testing.T, s kvstore.Store) {
	setW(t, s, 4)
	report(t, s, "a", pairs(1, 100, 2, 80), kvstore.BatchResult{Applied: 2})
	report(t, s, "b", pairs(1, 50), kvstore.BatchResult{Applied: 1})
	got := state(t, s)
	same(t, "table", []float64{75, 80, 0, 0}, got.LatenciesUS)
	same(t, "samples", int64(3), got.Samples)
}

func lastSlot(t *testing.T, s kvstore.Store) {
	setW(t, s, 3)
	report(t, s, "a", pairs(3, 10), kvstore.BatchResult{Applied: 1})
	same(t, "after a sample of an unseen last but one", []float64{0, 0, 0}, state(t, s).LatenciesUS)
	report(t, s, "a", pairs(2, 20), kvstore.BatchResult{Applied: 1})
	same(t, "after a sample of the last but one", []float64{0, 20, 20}, state(t, s).LatenciesUS)
	report(t, s, "b", pairs(3, 90, 2, 40), kvstore.BatchResult{Applied: 2})
	same(t, "after samples of both", []float64{0, 30, 30}, state(t, s).LatenciesUS)
}

func resentBatch(t *testing.T, s kvstore.Store) {
	samples := pairs(1, 100, 2, 80, 2, 70)
	report(t, s, "a", samples, kvstore.BatchResult{Applied: 2, Duplicates: 1})
	before := state(t, s)
	report(t, s, "a", samples, kvstore.BatchResult{Duplicates: 3})
	report(t, s, "a", nil, kvstore.BatchResult{})
	same(t, "state", before, state(t, s))
}

func partlySeenBatch(t *testing.T, s kvstore.Store) {
	report(t, s, "a", pairs(1, 100, 3, 60), kvstore.BatchResult{Applied: 2})
	report(t, s, "a", pairs(1, 1, 2, 80, 3, 1, 4, 50), kvstore.BatchResult{Applied: 2, Duplicates: 2})
	got := state(t, s)
	same(t, "table", []float64{100, 80, 60, 50}, got.LatenciesUS[:4])
	same(t, "samples", int64(4), got.Samples)
}

func separateLifetimes(t *testing.T, s kvstore.Store) {
	one := pairs(1, 100)
	report(t, s, "a", one, kvstore.BatchResult{Applied: 1})
	report(t, s, "b", one, kvstore.BatchResult{Applied: 1})
	got := must(s.AddSamples(t.Context(), "other", kvstore.Batch{Lifetime: "a", Samples: one}))(t)
	same(t, "result for another function", kvstore.BatchResult{Applied: 1}, got)
}

func samplesBeyondTheTable(t *testing.T, s kvstore.Store) {
	report(t, s, "a", pairs(101, 5), kvstore.BatchResult{Ignored: 1})
	same(t, "functions", []string{}, must(s.Functions(t.Context()))(t))
	report(t, s, "a", pairs(1, 7, math.MaxInt32, 5), kvstore.BatchResult{Applied: 1, Ignored: 1})
	same(t, "samples", int64(1), state(t, s).Samples)
	setW(t, s, 200)
	report(t, s, "a", pairs(101, 5), kvstore.BatchResult{Applied: 1})
}

func exactLatencies(t *testing.T, s kvstore.Store) {
	values := []float64{0.1, 1.0 / 3, math.Pi * 1e6, math.SmallestNonzeroFloat64, math.MaxFloat64, 1e-300, 123456.789}
	var samples []kvstore.Sample
	for i, v := range values {
		samples = append(samples, kvstore.Sample{RequestNumber: i + 1, LatencyUS: v})
	}
	report(t, s, "a", samples, kvstore.BatchResult{Applied: len(values)})
	same(t, "table", values, state(t, s).LatenciesUS[:len(values)])
	check(t, s.SetParams(t.Context(), fn, 0, kvstore.Params{MaxRequests: 100, Epsilon: 0.1}))
	same(t, "epsilon", 0.1, state(t, s).Params.Epsilon)
	report(t, s, "b", pairs(2, 0.7), kvstore.BatchResult{Applied: 1})
	eps, us, theta := 0.1, 0.7, 1.0/3
	same(t, "a new mean", float64(eps*us)+float64((1-eps)*theta), state(t, s).LatenciesUS[1])
}
