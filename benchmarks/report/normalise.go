package report

import "github.com/pronghorn-faas/pronghorn/benchmarks/results"

// sizes are the median input sizes of benchmarks whose inputs vary in size.
type sizes map[string]float64

// inputSizes finds the benchmarks whose latencies can be normalised. The
// median is over all that ran of a benchmark, so that its configurations are
// brought to the same size.
func inputSizes(requests []results.RequestRow) sizes {
	known := make(map[string][]float64)
	varies := make(map[string]bool)
	for _, r := range requests {
		if r.InputSize == 0 || r.Failed() {
			continue
		}
		size, seen := float64(r.InputSize), known[r.Benchmark]
		if len(seen) > 0 && size != seen[0] {
			varies[r.Benchmark] = true
		}
		known[r.Benchmark] = append(seen, size)
	}
	medians := make(sizes)
	for benchmark := range varies {
		medians[benchmark] = median(known[benchmark])
	}
	return medians
}

// normalised returns the latencies of the requests whose input size is known,
// in µs, each multiplied by the benchmark's median size ÷ its own; nil if
// there are none. It takes latency to be proportional to size.
func (s sizes) normalised(g *group) *sample {
	reference, ok := s[g.Benchmark]
	if !ok {
		return nil
	}
	var values []float64
	var lifetimes []string
	for _, r := range g.rows {
		size := g.requests[r.RequestNumber].InputSize
		if size == 0 {
			continue
		}
		values = append(values, float64(r.ClientUS)*reference/float64(size))
		lifetimes = append(lifetimes, g.lifetimeOf(r))
	}
	if len(values) == 0 {
		return nil
	}
	return newSample(values, lifetimes)
}
