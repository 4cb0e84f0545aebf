package server

import (
	"math/rand/v2"
	"sync"

	"github.com/pronghorn-faas/pronghorn/policy"
)

// NewRand returns a source of draws that is safe for concurrent use. The same
// seed gives the same numbers in the same order.
func NewRand(seed uint64) policy.Rand {
	return &lockedRand{rand: rand.New(rand.NewPCG(seed, seed))}
}

type lockedRand struct {
	mu   sync.Mutex
	rand *rand.Rand
}

func (r *lockedRand) Float64() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rand.Float64()
}

func (r *lockedRand) IntN(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rand.IntN(n)
}
