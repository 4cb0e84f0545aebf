package policy

import (
	"math"
	"slices"
)

// softmax replaces scores by probabilities proportional to exp(score). Only
// differences from the greatest score are exponentiated: exp(10⁶) is infinite.
// scores must not be empty.
func softmax(scores []float64) {
	greatest := slices.Max(scores)
	for i, score := range scores {
		scores[i] = math.Exp(score - greatest)
	}
	normalize(scores)
}

// normalize scales non-negative weights, one of them above 0, to sum to 1.
func normalize(weights []float64) {
	var total float64
	for _, w := range weights {
		total += w
	}
	for i, w := range weights {
		weights[i] = w / total
	}
}
