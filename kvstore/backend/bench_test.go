package backend

import (
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/kvstore/storetest"
)

func BenchmarkAddSamples(b *testing.B) {
	b.Run("file", func(b *testing.B) { storetest.BenchAddSamples(b, openTest(b, fileURL(b))) })
	b.Run("redis", func(b *testing.B) {
		storetest.BenchAddSamples(b, openTest(b, storetest.StartRedis(b).URL(0)))
	})
}

// BenchmarkOneReporter is the latency of a report that shares nothing.
func BenchmarkOneReporter(b *testing.B) {
	s := openTest(b, fileURL(b))
	var n atomic.Int64
	for b.Loop() {
		batch := kvstore.Batch{Lifetime: "l" + strconv.FormatInt(n.Add(1), 10),
			Samples: []kvstore.Sample{{RequestNumber: 1, LatencyUS: 100}}}
		if _, err := s.AddSamples(b.Context(), "f", batch); err != nil {
			b.Fatal(err)
		}
	}
}
