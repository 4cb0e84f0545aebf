package report

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// observation is a number and what it shares with others: the lifetime of a
// worker, and the run of the benchmarks. Ids of lifetimes need only differ
// within a run.
type observation struct {
	value         float64
	lifetime, run string
}

// sample is the numbers of a configuration. Requests that one lifetime served
// are alike, for they share its process and its start, and so are those of one
// run, which share a machine's day and a pool of snapshots. A resample draws
// runs, and lifetimes within them, or its bounds would be too narrow.
type sample struct {
	sorted []float64
	// runs are the names of the runs, ascending.
	runs []string
	// blocks hold, for every run and lifetime, the ranks of its numbers in sorted.
	blocks [][][]int
	// drawn is how often each rank is in the present resample, size how many
	// numbers that makes.
	drawn []int
	size  int
}

// newSample returns nil if there are no observations.
func newSample(all []observation) *sample {
	if len(all) == 0 {
		return nil
	}
	all = slices.Clone(all)
	// By origin among equals: the order of the rows must not matter.
	slices.SortFunc(all, func(a, b observation) int {
		return cmp.Or(cmp.Compare(a.value, b.value), cmp.Compare(a.run, b.run), cmp.Compare(a.lifetime, b.lifetime))
	})
	s := &sample{sorted: make([]float64, len(all)), drawn: make([]int, len(all)), runs: runsOf(all)}
	s.blocks = make([][][]int, len(s.runs))
	index := make(map[observation]int) // of a block in its run
	for rank, o := range all {
		s.sorted[rank] = o.value
		run, _ := slices.BinarySearch(s.runs, o.run)
		o.value = 0
		at, ok := index[o]
		if !ok {
			at = len(s.blocks[run])
			index[o] = at
			s.blocks[run] = append(s.blocks[run], nil)
		}
		s.blocks[run][at] = append(s.blocks[run][at], rank)
	}
	s.drawAll()
	return s
}

func runsOf(all []observation) []string {
	var names []string
	for _, o := range all {
		names = append(names, o.run)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// drawAll takes the sample itself for a resample.
func (s *sample) drawAll() {
	for i := range s.drawn {
		s.drawn[i] = 1
	}
	s.size = len(s.drawn)
}

// resampleWith resamples both. Where both were measured in the same runs, they
// are drawn from the same ones: what makes a run slow makes both slow.
func (s *sample) resampleWith(base *sample, rng *rand.Rand) {
	runs := drawRuns(rng, len(s.runs))
	s.resample(rng, runs)
	if !slices.Equal(s.runs, base.runs) {
		runs = drawRuns(rng, len(base.runs))
	}
	base.resample(rng, runs)
}

// drawRuns draws n of n runs, with repetition.
func drawRuns(rng *rand.Rand, n int) []int {
	runs := make([]int, n)
	for i := range runs {
		runs[i] = rng.IntN(n)
	}
	return runs
}

// resample draws, from each of some runs, as many lifetimes as it has, with
// repetition. It counts ranks, which spares a sort.
func (s *sample) resample(rng *rand.Rand, runs []int) {
	clear(s.drawn)
	s.size = 0
	for _, run := range runs {
		blocks := s.blocks[run]
		for range blocks {
			block := blocks[rng.IntN(len(blocks))]
			s.size += len(block)
			for _, rank := range block {
				s.drawn[rank]++
			}
		}
	}
}

// statistic is a number that says something about a resample.
type statistic func(*sample) float64

// medianOf is the median of a resample.
func medianOf(s *sample) float64 {
	low, high := (s.size-1)/2, s.size/2
	before := 0
	for rank, n := range s.drawn {
		if before <= low && low < before+n {
			if high < before+n {
				return s.sorted[rank]
			}
			return (s.sorted[rank] + s.nextDrawn(rank)) / 2
		}
		before += n
	}
	return 0 // a resample is never empty
}

// nextDrawn is the number after a rank in a resample.
func (s *sample) nextDrawn(rank int) float64 {
	for next := rank + 1; next < len(s.drawn); next++ {
		if s.drawn[next] > 0 {
			return s.sorted[next]
		}
	}
	return s.sorted[rank]
}

// meanOf is the arithmetic mean of a resample.
func meanOf(s *sample) float64 {
	sum := 0.0
	for rank, n := range s.drawn {
		sum += float64(n) * s.sorted[rank]
	}
	return sum / float64(s.size)
}

func (s *sample) quantile(p float64) float64 { return quantile(s.sorted, p) }
