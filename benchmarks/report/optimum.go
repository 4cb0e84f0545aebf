package report

import (
	"cmp"
	"math"
	"slices"

	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

// Parameters of the paper's definition of the optimal snapshot, for the 500
// requests of its evaluation.
const (
	optimumWindow    = 20   // requests
	optimumTolerance = 0.02 // of the steady median
	optimumSteady    = 400  // index of the first steady request
	optimumRequests  = 500
)

// Optimum is when the latencies of a configuration have settled.
type Optimum struct {
	Rate int `json:"rate"`
	// Requests is the median over the runs in which it was found; nil if none.
	Requests *float64 `json:"requests"`
	// Runs counts the runs that were long enough, Found those in which the
	// latencies settled.
	Runs  int `json:"runs"`
	Found int `json:"found"`
	// Scaled is set if there were fewer requests than in the paper, so that the
	// last fifth of them was taken for steady.
	Scaled bool `json:"scaled,omitempty"`
}

// optimum applies the paper's definition to each run.
func optimum(g *group) Optimum {
	o := Optimum{Rate: g.Rate}
	byRun := make(map[string][]results.Row)
	for _, r := range g.rows {
		byRun[r.Run] = append(byRun[r.Run], r)
	}
	var found []float64
	for _, rows := range byRun {
		at, enough := settled(rows, slots(g.Benchmark))
		o.Scaled = o.Scaled || enough && len(rows) < optimumRequests
		if enough {
			o.Runs++
		}
		if enough && at >= 0 {
			found = append(found, float64(at))
		}
	}
	if o.Found = len(found); o.Found > 0 {
		o.Requests = new(median(found))
	}
	return o
}

// settled returns the first index from w on at which the median of the next 20
// latencies is within 2 % of that of the steady ones; negative if there is
// none. Enough tells whether there are the requests to say so.
func settled(rows []results.Row, w int) (index int, enough bool) {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b results.Row) int { return cmp.Compare(a.RequestNumber, b.RequestNumber) })
	us := make([]float64, len(rows))
	for i, r := range rows {
		us[i] = float64(r.ClientUS)
	}
	from := optimumSteady
	if len(us) < optimumRequests {
		from = len(us) * optimumSteady / optimumRequests
	}
	if from < w || len(us)-from < optimumWindow {
		return -1, false
	}
	steady := median(us[from:])
	for i := w; i+optimumWindow <= len(us); i++ {
		if m := median(us[i : i+optimumWindow]); math.Abs(m-steady) <= optimumTolerance*steady {
			return i, true
		}
	}
	return -1, true
}
