package evaluation

import (
	"slices"
	"time"

	"github.com/pronghorn-faas/pronghorn/benchmarks/harness"
)

// Cost is what a function takes of the time of a run.
type Cost struct {
	// Stage is the start and the end of a step, with everything that runs for it.
	Stage time.Duration `json:"stage_ns"`
	// Request is a request at a worker that is up, with the pause after it.
	Request time.Duration `json:"request_ns"`
	// Lifetime is what a lifetime takes besides its requests, by strategy: the
	// start, and the checkpoint if it takes one.
	Lifetime map[string]time.Duration `json:"lifetime_ns"`
}

// lifetime is that of a strategy. One that was not measured, of the fixed-k
// sweep, is somewhere between the others.
func (c Cost) lifetime(strategy string) time.Duration {
	if known, ok := c.Lifetime[strategy]; ok || len(c.Lifetime) == 0 {
		return known
	}
	var sum time.Duration
	for _, some := range c.Lifetime {
		sum += some
	}
	return sum / time.Duration(len(c.Lifetime))
}

// perRequest is the time of a request of a configuration with its share of the
// lifetime.
func (c Cost) perRequest(cell harness.Configuration) time.Duration {
	return c.Request + c.lifetime(cell.Strategy)/time.Duration(cell.Rate)
}

// measured is a configuration as a calibration has seen it.
type measured struct {
	harness.Configuration
	// stage is from the beginning to the first request, and from the last one to
	// the end.
	stage time.Duration
	// periods lie between one request and the next.
	periods []time.Duration
	// latencies are those of the requests.
	latencies []time.Duration
}

// costOf makes a cost of what was seen of one function, at rate 1.
func costOf(cells []measured, pause time.Duration) Cost {
	c := Cost{Lifetime: make(map[string]time.Duration)}
	var latencies, stages []time.Duration
	for _, cell := range cells {
		latencies = append(latencies, cell.latencies...)
		// The first request is one like the others.
		stages = append(stages, max(0, cell.stage-median(cell.periods)))
	}
	c.Stage = median(stages)
	c.Request = median(latencies) + pause
	for _, cell := range cells {
		c.Lifetime[cell.Strategy] = max(0, median(cell.periods)-c.Request)
	}
	return c
}

// median is 0 of nothing.
func median(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(all))[len(all)/2]
}
