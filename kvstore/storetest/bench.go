package storetest

import (
	"crypto/rand"
	"fmt"
	"runtime"
	"testing"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// Reporters is how many workers report at once in the benchmarks.
const Reporters = 64

// BenchAddSamples has 64 workers of one function report to a store: one
// sample, and 20 samples, a call. An operation is one sample.
func BenchAddSamples(b *testing.B, s kvstore.Store) {
	for _, size := range []int{1, 20} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			Parallel(b, func(more func() bool) error { return reportAll(b, s, size, more) })
		})
	}
}

// reportAll reports lifetimes of W requests, in batches, while there is more.
func reportAll(b *testing.B, s kvstore.Store, size int, more func() bool) error {
	id, perLifetime := rand.Text(), kvstore.DefaultParams().MaxRequests/size
	for done := 0; more(); done++ {
		batch := kvstore.Batch{Lifetime: fmt.Sprintf("%s-%d", id, done/perLifetime)}
		first := done%perLifetime*size + 1
		for i := 0; i == 0 || i < size && more(); i++ {
			batch.Samples = append(batch.Samples, kvstore.Sample{RequestNumber: first + i, LatencyUS: float64(1000 + i)})
		}
		if _, err := s.AddSamples(b.Context(), "bench", batch); err != nil {
			return err
		}
	}
	return nil
}

// Parallel runs work in 64 workers; together they may go on b.N times. It
// reports operations per second.
func Parallel(b *testing.B, work func(more func() bool) error) {
	b.SetParallelism(max(1, Reporters/runtime.GOMAXPROCS(0)))
	b.RunParallel(func(pb *testing.PB) {
		if err := work(pb.Next); err != nil {
			b.Error(err)
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "samples/s")
}
