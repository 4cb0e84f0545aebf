package report

import (
	"slices"
	"strings"

	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

// Paper is what the paper and its artifact say about a function. They say it
// for one or two of the rates only.
type Paper struct {
	// Percent is by how much request_centric is faster than Baseline at rate 1.
	Percent float64 `json:"improvement_pct_rate_1"`
	// Optimum is the number of requests until the optimal snapshot at rate 4.
	Optimum int `json:"optimum_rate_4"`
	// DumpMS and RestoreMS are the times of CRIU in ms, ImageMB is the size of a
	// snapshot in 10⁶ bytes.
	DumpMS    float64 `json:"dump_ms"`
	RestoreMS float64 `json:"restore_ms"`
	ImageMB   float64 `json:"image_mb"`
}

// Parameters of the paper's table 5, which is calculated and not measured: 12
// snapshots are stored, and each of 500 ÷ 4 lifetimes moves one in and one out.
const (
	paperCapacity  = 12
	paperLifetimes = 500 / 4
)

// StorageMB and NetworkMB are the calculation of the paper's table 5.
func (p Paper) StorageMB() float64 { return paperCapacity * p.ImageMB }

// NetworkMB is what moves between workers and pool at rate 4.
func (p Paper) NetworkMB() float64 { return paperLifetimes * 2 * p.ImageMB }

// Languages of the functions of the paper.
const (
	pypy = "PyPy"
	jvm  = "JVM"
)

// function is a function of the paper's evaluation.
type function struct {
	name, language string
	Paper
}

// functions are those of the paper, in its order.
func functions() []function {
	return []function{
		{"bfs", pypy, Paper{25.0, 113, 85.6, 73.8, 55.5}},
		{"dfs", pypy, Paper{48.9, 113, 85.7, 70.8, 55.8}},
		{"dynamic-html", pypy, Paper{4.4, 210, 74.4, 75.3, 54.1}},
		{"mst", pypy, Paper{45.7, 135, 79.6, 77.1, 56.1}},
		{"pagerank", pypy, Paper{14.6, 126, 74.4, 80.5, 64.0}},
		{"compress", pypy, Paper{7.5, 100, 105.0, 39.1, 61.0}},
		{"upload", pypy, Paper{-23.4, 144, 100.2, 30.2, 61.2}},
		{"thumbnail", pypy, Paper{-19.7, 100, 100.7, 67.0, 62.0}},
		{"video", pypy, Paper{-2.6, 165, 91.1, 40.4, 60.1}},
		{"matrix-multiplication", jvm, Paper{13.7, 202, 66.1, 51.5, 10.6}},
		{"simple-hash", jvm, Paper{60.2, 201, 60.6, 52.5, 10.6}},
		{"html-rendering", jvm, Paper{55.8, 203, 70.7, 50.4, 10.5}},
		{"word-count", jvm, Paper{50.2, 213, 67.9, 55.2, 13.3}},
	}
}

// functionOf returns the function that a benchmark is, in whatever variant;
// nil if it is none of the paper.
func functionOf(benchmark string) *function {
	all := functions()
	if i := paperRank(benchmark); i < len(all) {
		return &all[i]
	}
	return nil
}

// paperRank is the place of a benchmark in the paper; others come last.
func paperRank(benchmark string) int {
	name, _ := splitVariant(benchmark)
	all := functions()
	i := slices.IndexFunc(all, func(f function) bool { return f.name == name })
	if i < 0 {
		return len(all)
	}
	return i
}

// splitVariant takes the variant off the name of a benchmark.
func splitVariant(benchmark string) (name, variant string) {
	name, variant, _ = strings.Cut(benchmark, results.VariantMark)
	return name, variant
}

// language is that of a function of the paper; "" for others.
func language(benchmark string) string {
	if f := functionOf(benchmark); f != nil {
		return f.language
	}
	return ""
}

// slots is W, the number of requests that the policy looks at: that of the
// artifact for the language.
func slots(benchmark string) int {
	if language(benchmark) == jvm {
		return 200
	}
	return 100
}

// paperGeomean is the geometric mean of the improvements above 5 % at a rate,
// in percent; 0 for rates that the paper does not have.
func paperGeomean(rate int) float64 {
	switch rate {
	case 1:
		return 28.9
	case 4:
		return 21.3
	case 20:
		return 16.6
	}
	return 0
}
