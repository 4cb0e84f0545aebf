package main

import "github.com/pronghorn-faas/pronghorn/benchmarks/machine"

// cpuPlan is who runs where; -1 = anywhere.
type cpuPlan struct {
	Worker int `json:"worker"`
	Others int `json:"client_services_and_store"`
}

// planCPUs gives workers a CPU of their own, which takes two.
func planCPUs(free bool) (cpuPlan, error) {
	list, err := machine.CPUs()
	if err != nil {
		return cpuPlan{}, err
	}
	if free || len(list) < 2 {
		return cpuPlan{-1, -1}, nil
	}
	return cpuPlan{Worker: list[len(list)-1], Others: list[0]}, nil
}
