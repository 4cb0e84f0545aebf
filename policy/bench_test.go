package policy_test

import (
	"fmt"
	"testing"

	"github.com/pronghorn-faas/pronghorn/policy"
)

// BenchmarkDecision is one decision at W = 1,000 with a pool of 100.
func BenchmarkDecision(b *testing.B) {
	strategy := parse(b, "request_centric&max_capacity=99")
	for _, eviction := range []int{1, 20, forever} {
		s := policy.State{Latencies: fallingTable(1000), Eviction: eviction}
		for i := range 100 {
			s.Pool = append(s.Pool, policy.Snapshot{ID: name(i), RequestNumber: (i * 37) % 1000})
		}
		r := seeded(1)
		b.Run(fmt.Sprintf("start/E=%d", eviction), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				policy.DrawStart(strategy.Start(s), r)
			}
		})
		b.Run(fmt.Sprintf("checkpoint/E=%d", eviction), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				policy.DrawCheckpoint(strategy.Checkpoint(s, 0), r)
			}
		})
		b.Run(fmt.Sprintf("prune/E=%d", eviction), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				strategy.Prune(s, r)
			}
		})
	}
}

// BenchmarkLifetime is what a simulated lifetime costs: both decisions and the
// latencies of 20 requests, at the size of the evaluation.
func BenchmarkLifetime(b *testing.B) {
	strategy, r := parse(b, policy.DefaultSpec), seeded(1)
	s := policy.State{Latencies: fallingTable(200), Eviction: 20, Pool: pool(4, 9, 20, 40, 60, 80, 100, 120)}
	b.ReportAllocs()
	for b.Loop() {
		start := policy.DrawStart(strategy.Start(s), r)
		policy.DrawCheckpoint(strategy.Checkpoint(s, start.RequestNumber), r)
		for n := range strategy.Lifetime(s, start.RequestNumber) {
			s.Latencies.Observe(start.RequestNumber+n+1, 5e4, 0.5)
		}
	}
}
