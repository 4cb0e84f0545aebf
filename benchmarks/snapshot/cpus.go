package main

import "github.com/pronghorn-faas/pronghorn/benchmarks/machine"

// cpuPlan is who runs where; -1 = anywhere.
type cpuPlan struct {
	Worker int `json:"worker"`
	Others int `json:"client_services_and_store"`
}

// planCPUs gives workers a CPU of their own, which takes two.
func planCPUs(free bool) (cpuPlan, error) {
	measured, others, err := machine.Share(free)
	return cpuPlan{measured, others}, err
}
