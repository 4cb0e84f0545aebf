package report

import (
	"cmp"
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

// change compares the median of s with that of the base. Its bounds are the
// percentiles of the changes between resamples of both.
func change(s, base *sample, rng *rand.Rand) *Change {
	changes := make([]float64, resamples)
	for i := range changes {
		changes[i] = percent(s.resampledMedian(rng), base.resampledMedian(rng))
	}
	slices.Sort(changes)
	return &Change{
		Percent: percent(quantile(s.sorted, 0.5), quantile(base.sorted, 0.5)),
		Low:     quantile(changes, (1-confidence)/2),
		High:    quantile(changes, (1+confidence)/2),
	}
}

// percent is by how much value is below base, in percent of base.
func percent(value, base float64) float64 {
	if base == 0 {
		return 0 // both are below what the clock resolves
	}
	return 100 * (1 - value/base)
}

// sample is the latencies of a configuration. Requests that one lifetime
// served are alike, for they share its process and its start: a resample draws
// lifetimes, not requests, or its bounds would be too narrow.
type sample struct {
	sorted []float64
	// blocks hold, for every lifetime, the ranks of its requests in sorted.
	blocks [][]int
	// drawn is how often each rank is in the present resample.
	drawn []int
}

// newSample makes a sample of values and the lifetime that each belongs to.
func newSample(values []float64, lifetimes []string) *sample {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	// By lifetime among equals: the order of the rows must not matter.
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(values[a], values[b]), cmp.Compare(lifetimes[a], lifetimes[b]))
	})

	s := &sample{sorted: make([]float64, len(values)), drawn: make([]int, len(values))}
	block := make(map[string]int)
	for rank, i := range order {
		s.sorted[rank] = values[i]
		b, ok := block[lifetimes[i]]
		if !ok {
			b = len(s.blocks)
			block[lifetimes[i]] = b
			s.blocks = append(s.blocks, nil)
		}
		s.blocks[b] = append(s.blocks[b], rank)
	}
	return s
}

// resampledMedian draws as many blocks as there are, with repetition, and
// returns the median of what they hold. It counts ranks, which spares a sort.
func (s *sample) resampledMedian(rng *rand.Rand) float64 {
	clear(s.drawn)
	total := 0
	for range s.blocks {
		block := s.blocks[rng.IntN(len(s.blocks))]
		total += len(block)
		for _, rank := range block {
			s.drawn[rank]++
		}
	}
	return (s.atDrawn((total-1)/2) + s.atDrawn(total/2)) / 2
}

// atDrawn returns the value at a position of the present resample.
func (s *sample) atDrawn(position int) float64 {
	for rank, n := range s.drawn {
		if position -= n; position < 0 {
			return s.sorted[rank]
		}
	}
	return math.NaN()
}
