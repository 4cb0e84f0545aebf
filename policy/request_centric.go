package policy

import "math"

// requestCentric is the paper's policy: it explores request numbers that have
// not been seen, and prefers those behind which requests are fast.
type requestCentric struct{ params Params }

func (c requestCentric) String() string { return spec(requestCentricName, c.params) }
func (c requestCentric) Params() Params { return c.params }

// Start weighs the pool and a cold start (R = 0) by softmax(score(R)).
func (c requestCentric) Start(s State) []StartOption {
	scores := newScores(s.Latencies, s.horizon())
	probabilities := make([]float64, 1, 1+len(s.Pool))
	probabilities[0] = scores.at(0)
	for _, snapshot := range s.Pool {
		probabilities = append(probabilities, scores.at(snapshot.RequestNumber))
	}
	softmax(probabilities)

	options := make([]StartOption, len(probabilities))
	options[0].Probability = probabilities[0]
	for i, snapshot := range s.Pool {
		options[i+1] = StartOption{snapshot.ID, snapshot.RequestNumber, probabilities[i+1]}
	}
	return options
}

// Checkpoint weighs the request numbers R+1 … R+k by their scores, where
// k = min(R+1+E, W) − (R+1): those that the lifetime reaches and from which
// the table can still tell something about the next one.
func (c requestCentric) Checkpoint(s State, requestNumber int) []CheckpointOption {
	r, horizon := max(requestNumber, 0), s.horizon()
	if r >= len(s.Latencies)-1 {
		return nil
	}
	first := r + 1
	ahead := s.Latencies[first:min(first+2*horizon-1, len(s.Latencies))]
	probabilities := newScores(ahead, horizon).first(min(horizon, len(ahead)))
	normalize(probabilities)

	options := make([]CheckpointOption, len(probabilities))
	for i, p := range probabilities {
		options[i] = CheckpointOption{RequestNumber: first + i, Probability: p}
	}
	return options
}

// Prune keeps the best round(p·n) snapshots by score and, of the m others,
// round(γ·m) at random, so that one that was unlucky gets another chance. Halves
// are rounded to even; of equals, the one registered first is the better.
func (c requestCentric) Prune(s State, r Rand) []string {
	if len(s.Pool) <= c.params.MaxCapacity {
		return nil
	}
	ranked := rankByScore(s)
	others := ranked[share(c.params.P, len(ranked)):]
	lucky := share(c.params.Gamma, len(others))
	for i := range lucky {
		j := i + r.IntN(len(others)-i)
		others[i], others[j] = others[j], others[i]
	}
	return idsAt(s.Pool, others[lucky:])
}

// Lifetime is min(E, W−R): behind the table there is nothing left to learn. A
// lifetime that starts there nevertheless serves one request.
func (c requestCentric) Lifetime(s State, requestNumber int) int {
	if s.Eviction <= 0 {
		return 0
	}
	if len(s.Latencies) == 0 {
		return s.Eviction
	}
	return max(1, min(s.Eviction, len(s.Latencies)-max(requestNumber, 0)))
}

// rankByScore returns the indices of the pool, best score first.
func rankByScore(s State) []int {
	scores := newScores(s.Latencies, s.horizon())
	values := make([]float64, len(s.Pool))
	for i, snapshot := range s.Pool {
		values[i] = scores.at(snapshot.RequestNumber)
	}
	return rank(values)
}

// share is round(fraction·n), halves to even.
func share(fraction float64, n int) int {
	return int(math.RoundToEven(fraction * float64(n)))
}
