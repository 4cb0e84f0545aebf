package evaluation

import (
	"fmt"
	"math"
	"time"

	"github.com/pronghorn-faas/pronghorn/benchmarks/harness"
)

// share is the part of the budget that is planned for: the costs are estimates,
// and the report is made at the end.
const share = 0.95

// cost is how long runs take, by function.
func cost(runs []harness.Config, costs map[string]Cost) map[string]time.Duration {
	all := make(map[string]time.Duration)
	for _, run := range runs {
		steps := run.Steps()
		for _, step := range steps {
			all[step.Function] += costs[step.Function].Stage
		}
		for cell, n := range requestsIn(steps) {
			all[cell.Function] += time.Duration(n) * costs[cell.Function].perRequest(cell)
		}
	}
	return all
}

// fit chooses the requests of a configuration for each function, and perhaps
// rate, between least and most, so that all together take the budget. Their
// number grows with the inverse square root of what a request costs: for a
// given time, this keeps the sum of the variances of means low, and slow
// functions are neither starved nor take all of it.
func (s Settings) fit(costs map[string]Cost, budget time.Duration) (requests, error) {
	at := func(scale float64) (requests, time.Duration) {
		n := make(requests)
		for _, f := range s.Functions {
			for _, rate := range s.Base.Rates {
				each := s.perRequest(costs[f.Name], rate).Seconds()
				put(n, f.Name, rate, min(max(int(scale/math.Sqrt(max(each, 1e-9))), s.Least), s.Base.Requests))
			}
		}
		var sum time.Duration
		for _, took := range cost(s.runs(n), costs) {
			sum += took
		}
		return n, sum
	}
	if _, fewest := at(0); fewest > budget {
		return nil, fmt.Errorf("budget: %d requests of each configuration take about %s, and %s of it are left: "+
			"want a longer budget, or fewer functions, rates, strategies, repetitions, or a smaller --least",
			s.Least, fewest.Round(time.Second), budget.Round(time.Second))
	}
	const steps = 40 // halve an interval to less than a request
	low, high := 0.0, 1e5
	for range steps {
		if middle := (low + high) / 2; second(at(middle)) <= budget {
			low = middle
		} else {
			high = middle
		}
	}
	n, _ := at(low)
	return n, nil
}

func second(_ requests, took time.Duration) time.Duration { return took }

// perRequest is what a request of all strategies takes, at a rate or at all of
// them.
func (s Settings) perRequest(c Cost, rate int) (sum time.Duration) {
	rates := s.Base.Rates
	if s.ByRate {
		rates = []int{rate}
	}
	for _, rate := range rates {
		for _, spec := range s.Base.Strategies {
			sum += c.perRequest(harness.Configuration{Strategy: spec, Rate: rate})
		}
	}
	return sum
}
