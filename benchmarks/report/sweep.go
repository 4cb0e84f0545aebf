package report

import (
	"cmp"
	"slices"

	"github.com/pronghorn-faas/pronghorn/policy"
)

// Sweep is how the median of the strategy fixed depends on the request after
// which its snapshot is taken.
type Sweep struct {
	Benchmark string `json:"function"`
	Rate      int    `json:"rate"`
	// Points are by K, ascending.
	Points []SweepPoint `json:"points"`
	// ColdUS and PolicyUS are medians to compare with, in µs; nil if not run.
	ColdUS   *float64 `json:"cold_us"`
	PolicyUS *float64 `json:"policy_us"`
}

// SweepPoint is fixed&request_to_checkpoint=K.
type SweepPoint struct {
	K        int     `json:"k"`
	MedianUS float64 `json:"median_us"`
	Requests int     `json:"requests"`
}

// best is the point with the lowest median.
func (s Sweep) best() SweepPoint {
	return slices.MinFunc(s.Points, func(a, b SweepPoint) int { return cmp.Compare(a.MedianUS, b.MedianUS) })
}

// sweeps are those of the functions and rates that fixed was run on with two
// or more K. Summaries are in their usual order.
func sweeps(summaries []Summary, strategy string) []Sweep {
	var all []Sweep
	for _, s := range summaries {
		if s.Latency == nil {
			continue
		}
		if n := len(all); n == 0 || all[n-1].Benchmark != s.Benchmark || all[n-1].Rate != s.Rate {
			all = append(all, Sweep{Benchmark: s.Benchmark, Rate: s.Rate})
		}
		all[len(all)-1].add(s, strategy)
	}
	all = slices.DeleteFunc(all, func(s Sweep) bool { return len(s.Points) < 2 })
	for _, s := range all {
		slices.SortFunc(s.Points, func(a, b SweepPoint) int { return cmp.Compare(a.K, b.K) })
	}
	return all
}

func (s *Sweep) add(sum Summary, strategy string) {
	us := sum.Latency.MedianUS
	switch {
	case sum.Strategy == "cold":
		s.ColdUS = &us
	case sum.Strategy == strategy:
		s.PolicyUS = &us
	case family(sum.Strategy) == family("fixed"):
		if p, err := policy.Parse(sum.Strategy); err == nil {
			s.Points = append(s.Points, SweepPoint{p.Params().RequestToCheckpoint, us, sum.Requests - sum.Failed})
		}
	}
}
