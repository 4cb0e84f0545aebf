package policy_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"

	"github.com/pronghorn-faas/pronghorn/policy"
)

// The published formulas, written down as they stand, in numbers of 128 bits:
// what the implementation is compared with.

const bits = 128

func exact(x float64) *big.Float { return new(big.Float).SetPrec(bits).SetFloat64(x) }

func referenceHorizon(s policy.State) int {
	if s.Eviction == 0 {
		return len(s.Latencies)
	}
	return s.Eviction
}

// referenceScore is mean over i in [R, min(R+E, W)) of 10⁶/(θ[i]+1).
func referenceScore(s policy.State, r int) *big.Float {
	end := min(r+referenceHorizon(s), len(s.Latencies))
	total := exact(0)
	if r >= end {
		return total
	}
	for _, theta := range s.Latencies[r:end] {
		total.Add(total, exact(0).Quo(exact(1e6), exact(0).Add(exact(theta), exact(1))))
	}
	return total.Quo(total, exact(float64(end-r)))
}

// referenceStart is softmax(score) over {cold} ∪ pool.
func referenceStart(s policy.State) []float64 {
	scores := []*big.Float{referenceScore(s, 0)}
	for _, snapshot := range s.Pool {
		scores = append(scores, referenceScore(s, snapshot.RequestNumber))
	}
	greatest := scores[0]
	for _, score := range scores {
		if score.Cmp(greatest) > 0 {
			greatest = score
		}
	}
	probabilities := make([]float64, len(scores))
	var total float64
	for i, score := range scores {
		difference, _ := exact(0).Sub(score, greatest).Float64()
		probabilities[i] = math.Exp(difference)
		total += probabilities[i]
	}
	for i := range probabilities {
		probabilities[i] /= total
	}
	return probabilities
}

// referenceCheckpoint is score(r)/Σ score over r = R+1 … R+k.
func referenceCheckpoint(s policy.State, r int) map[int]float64 {
	k := min(r+1+referenceHorizon(s), len(s.Latencies)) - (r + 1)
	total := exact(0)
	for i := r + 1; i <= r+k; i++ {
		total.Add(total, referenceScore(s, i))
	}
	probabilities := make(map[int]float64)
	for i := r + 1; i <= r+k; i++ {
		probabilities[i], _ = exact(0).Quo(referenceScore(s, i), total).Float64()
	}
	return probabilities
}

// near allows a relative error of 1e-9; below 1e-290 floats run out of digits.
func near(got, want float64) bool {
	return math.Abs(got-want) <= 1e-9*want+1e-290
}

// randomState mixes unseen slots, fast and slow functions, tiny and gigantic
// latencies, and request numbers within and behind the table.
func randomState(r *rand.Rand) policy.State {
	w := 1 + r.IntN(150)
	s := policy.State{Latencies: policy.NewTable(w), Eviction: r.IntN(w + 20)}
	if r.IntN(3) == 0 {
		s.Eviction = []int{0, 1, 4, 20}[r.IntN(4)]
	}
	magnitude := []float64{1e-3, 1, 1e3, 1e5, 1e6, 1e9, 1e18, 1e300}[r.IntN(8)]
	unseen := r.Float64()
	for i := range s.Latencies {
		switch {
		case r.Float64() < unseen*unseen:
		case r.IntN(4) == 0:
			s.Latencies[i] = math.Exp(40 * (r.Float64() - 0.5))
		default:
			s.Latencies[i] = magnitude * (0.9 + 0.2*r.Float64())
		}
	}
	for i := range r.IntN(20) {
		s.Pool = append(s.Pool, policy.Snapshot{ID: "s" + strconv.Itoa(i), RequestNumber: r.IntN(w + 3)})
	}
	return s
}
