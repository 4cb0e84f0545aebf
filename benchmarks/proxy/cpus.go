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
	list, err := machine.CPUs()
	if err != nil {
		return cpuPlan{}, err
	}
	if free || len(list) < 2 {
		return cpuPlan{-1, -1}, nil
	}
	return cpuPlan{Watchdog: list[len(list)-1], Others: list[0]}, nil
}
