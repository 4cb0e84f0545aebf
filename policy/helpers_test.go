package policy_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/pronghorn-faas/pronghorn/policy"
)

func parse(t testing.TB, spec string) policy.Strategy {
	t.Helper()
	s, err := policy.Parse(spec)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// pool returns snapshots a, b, c, … with these request numbers.
func pool(requestNumbers ...int) []policy.Snapshot {
	var snapshots []policy.Snapshot
	for i, r := range requestNumbers {
		snapshots = append(snapshots, policy.Snapshot{ID: name(i), RequestNumber: r})
	}
	return snapshots
}

func name(i int) string {
	if i < 26 {
		return string(rune('a' + i))
	}
	return fmt.Sprintf("s%d", i)
}

// forever is an Eviction of lifetimes that are not evicted.
const forever = 0
