package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pronghorn-faas/pronghorn/benchmarks/machine"
)

// Names of the arrangements.
const (
	// arrangedAsWorker gives watchdog and function one CPU, as a container with a
	// limit of 1 has them, and the load another.
	arrangedAsWorker = "worker"
	// arrangedApart gives the watchdog a CPU of its own; load and function share
	// the other.
	arrangedApart = "apart"
	// arrangedFree lets everything run everywhere.
	arrangedFree = "free"
)

// arrangements are all, in the order in which they can be measured: the load is
// bound to a CPU for good.
func arrangements() []string { return []string{arrangedFree, arrangedApart, arrangedAsWorker} }

// cpuPlan is who runs where; -1 = anywhere.
type cpuPlan struct {
	Arrangement string `json:"arrangement"`
	Watchdog    int    `json:"watchdog"`
	Function    int    `json:"function"`
	Load        int    `json:"load"`
}

// planCPUs says who runs where. All but arrangedFree take two CPUs, one of
// which is the load's, so that the load is not what limits the rate.
func planCPUs(arrangement string) (cpuPlan, error) {
	p := cpuPlan{arrangement, -1, -1, -1}
	if arrangement == arrangedFree {
		return p, nil
	}
	measured, others, err := machine.Share(false)
	if err != nil {
		return p, err
	}
	if measured < 0 {
		return p, fmt.Errorf("arrangement %s takes two CPUs, and there is one: use -arrange %s", arrangement, arrangedFree)
	}
	p.Watchdog, p.Function, p.Load = measured, others, others
	if arrangement == arrangedAsWorker {
		p.Function = measured
	}
	return p, nil
}

// parseArrangements reads a list of names.
func parseArrangements(list string) ([]string, error) {
	var chosen []string
	asked := strings.Split(list, ",")
	for _, name := range arrangements() {
		if slices.Contains(asked, name) {
			chosen = append(chosen, name)
		}
	}
	if len(chosen) != len(asked) {
		return nil, fmt.Errorf("arrangements %q: want some of %s, each once", list, strings.Join(arrangements(), ","))
	}
	return chosen, nil
}

// String says it in words.
func (p cpuPlan) String() string {
	if p.Arrangement == arrangedFree {
		return "everything on all CPUs"
	}
	return fmt.Sprintf("watchdog on CPU %d, function on %d, load on %d", p.Watchdog, p.Function, p.Load)
}
