package main

import "github.com/pronghorn-faas/pronghorn/benchmarks/machine"

// cpuPlan is who runs where; -1 = anywhere.
type cpuPlan struct {
	Watchdog int `json:"watchdog"`
	Others   int `json:"load_and_function"`
}

// planCPUs gives the watchdogs a CPU of their own, so that they and not the
// load are what limits the rate. That takes two.
func planCPUs(free bool) (cpuPlan, error) {
	measured, others, err := machine.Share(free)
	return cpuPlan{measured, others}, err
}
