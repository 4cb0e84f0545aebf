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
