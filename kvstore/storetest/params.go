package storetest

import (
	"errors"
	"math"
	"sync/atomic"
	"testing"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

func paramsCompareAndSet(t *testing.T, s kvstore.Store) {
	first := kvstore.Params{MaxRequests: 200, Epsilon: 0.25}
	check(t, s.SetParams(t.Context(), fn, 0, first))
	for _, version := range []int64{0, 2, -1, math.MaxInt64} {
		err := s.SetParams(t.Context(), fn, version, kvstore.DefaultParams())
		if !errors.Is(err, kvstore.ErrConflict) {
			t.Errorf("setting version %d when it is 1: got %v, want ErrConflict", version, err)
		}
	}
	got := state(t, s)
	same(t, "parameters", first, got.Params)
	same(t, "version", int64(1), got.Version)
	check(t, s.SetParams(t.Context(), fn, 1, kvstore.DefaultParams()))
	same(t, "version", int64(2), state(t, s).Version)
}

func resizedTable(t *testing.T, s kvstore.Store) {
	setW(t, s, 5)
	report(t, s, "a", pairs(1, 10, 2, 20, 3, 30, 4, 40), kvstore.BatchResult{Applied: 4})
	same(t, "five slots", []float64{10, 20, 30, 40, 40}, state(t, s).LatenciesUS)
	setW(t, s, 3)
	same(t, "cut to three", []float64{10, 20, 30}, state(t, s).LatenciesUS)
	setW(t, s, 6)
	same(t, "grown to six", []float64{10, 20, 30, 0, 0, 0}, state(t, s).LatenciesUS)
	report(t, s, "a", pairs(4, 1, 6, 1, 5, 50), kvstore.BatchResult{Applied: 2, Duplicates: 1})
	same(t, "filled", []float64{10, 20, 30, 0, 50, 50}, state(t, s).LatenciesUS)
}

func concurrentSetters(t *testing.T, s kvstore.Store) {
	var won atomic.Int64
	together(t, 16, func(i int) error {
		err := s.SetParams(t.Context(), fn, 0, kvstore.Params{MaxRequests: 10 + i, Epsilon: 0.5})
		if err == nil {
			won.Add(1)
		}
		if errors.Is(err, kvstore.ErrConflict) {
			return nil
		}
		return err
	})
	same(t, "winners", int64(1), won.Load())
	same(t, "version", int64(1), state(t, s).Version)
}
