package policy

// weightScale is the numerator of a slot's weight, 10⁶/(θ+1): the weight is
// near the number of requests that a worker serves in a second, and an unseen
// slot (θ = 0), weighing 10⁶, looks better than any real one.
const weightScale = 1e6

// scores holds the score of every request number that a lifetime may start at:
//
//	score(R) = mean over i in [R, min(R+E, W)) of 10⁶/(θ[i]+1)
type scores struct {
	sums   []float64 // of the weights over [R, min(R+window, W))
	window int
}

// newScores prepares the scores over a table in O(W), whatever the window.
func newScores(latencies Table, window int) scores {
	sums := make([]float64, len(latencies))
	for i, theta := range latencies {
		sums[i] = weight(theta)
	}
	sumWindows(sums, window)
	return scores{sums: sums, window: window}
}

// at returns score(R); 0 where the table has ended.
func (s scores) at(requestNumber int) float64 {
	r := max(requestNumber, 0)
	if r >= len(s.sums) {
		return 0
	}
	return s.sums[r] / float64(min(s.window, len(s.sums)-r))
}

// first returns score(0) … score(n-1), n ≤ W, in the place of the sums: at must
// not be called any more.
func (s scores) first(n int) []float64 {
	for r := range n {
		s.sums[r] = s.at(r)
	}
	return s.sums[:n]
}

func weight(theta float64) float64 {
	if !seen(theta) {
		return weightScale
	}
	return weightScale / (theta + 1)
}
