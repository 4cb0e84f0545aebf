package report

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Parameters of the bootstrap.
const (
	resamples  = 1000
	confidence = 0.95
)

// quantile returns the p-quantile of values in ascending order, interpolated
// linearly between the two nearest; NaN if there are none.
func quantile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := p * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

// median returns the median of values in any order.
func median(values []float64) float64 {
	return quantile(slices.Sorted(slices.Values(values)), 0.5)
}

// comparison is a change and the changes between resamples that its bounds
// come from, in the order in which they were drawn.
type comparison struct {
	Change
	draws []float64
}

// compare compares statistics of s with those of the base. The bounds are the
// percentiles of the changes between resamples of both.
func compare(s, base *sample, rng *rand.Rand, statistics ...statistic) []*comparison {
	draws := make([][]float64, len(statistics))
	for range resamples {
		s.resampleWith(base, rng)
		for i, of := range statistics {
			draws[i] = append(draws[i], percent(of(s), of(base)))
		}
	}
	s.drawAll()
	base.drawAll()
	comparisons := make([]*comparison, len(statistics))
	for i, of := range statistics {
		comparisons[i] = newComparison(percent(of(s), of(base)), draws[i])
	}
	return comparisons
}

func newComparison(estimate float64, draws []float64) *comparison {
	sorted := slices.Sorted(slices.Values(draws))
	return &comparison{draws: draws, Change: Change{
		Percent: estimate,
		Low:     quantile(sorted, (1-confidence)/2),
		High:    quantile(sorted, (1+confidence)/2),
	}}
}

// change is nil for no comparison.
func (c *comparison) change() *Change {
	if c == nil {
		return nil
	}
	return &c.Change
}

// percent is by how much value is below base, in percent of base.
func percent(value, base float64) float64 {
	if base == 0 {
		return 0 // both are below what the clock resolves
	}
	return 100 * (1 - value/base)
}
