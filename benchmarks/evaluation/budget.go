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

// linear is how long all configurations of a function take together: Fixed,
// and Each times the requests of a configuration.
type linear struct{ Fixed, Each time.Duration }

func (l linear) at(n int) time.Duration { return l.Fixed + time.Duration(n)*l.Each }

// loads sums up what the runs cost, by function.
func loads(runs []harness.Config, costs map[string]Cost) map[string]linear {
	all := make(map[string]linear)
	for _, run := range runs {
		cells := make(map[harness.Configuration]bool)
		for _, step := range run.Steps() {
			l := all[step.Function]
			l.Fixed += costs[step.Function].Stage
			if !cells[step.Configuration] {
				cells[step.Configuration] = true
				l.Each += costs[step.Function].perRequest(step.Configuration)
			}
			all[step.Function] = l
		}
	}
	return all
}

// fit chooses the number of requests of a configuration for each function,
// between least and most, so that all together take the budget. It grows with
// the inverse square root of what a request costs: for a given time, this keeps
// the sum of the variances of means low, and slow functions are neither starved
// nor take all of it.
func fit(all map[string]linear, budget time.Duration, least, most int) (map[string]int, error) {
	total := func(n map[string]int) (sum time.Duration) {
		for name, l := range all {
			sum += l.at(n[name])
		}
		return sum
	}
	at := func(scale float64) map[string]int {
		n := make(map[string]int)
		for name, l := range all {
			n[name] = min(max(int(scale/math.Sqrt(max(l.Each.Seconds(), 1e-9))), least), most)
		}
		return n
	}
	if fewest := total(at(0)); fewest > budget {
		return nil, fmt.Errorf("budget: %d requests of each configuration take about %s, and %s of it are left: "+
			"want a longer budget, or fewer functions, rates, strategies, repetitions, or a smaller --least",
			least, fewest.Round(time.Second), budget.Round(time.Second))
	}
	const steps = 60 // halve an interval to less than a request
	low, high := 0.0, 1e6
	for range steps {
		if middle := (low + high) / 2; total(at(middle)) <= budget {
			low = middle
		} else {
			high = middle
		}
	}
	return at(low), nil
}
