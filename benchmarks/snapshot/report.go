package main

import (
	"time"

	"github.com/pronghorn-faas/pronghorn/benchmarks/machine"
)

// byRuntime is a figure of each runtime.
type byRuntime map[string]float64

// report is what a run found; it is written as JSON. The first four ratios say
// how many times better ours is, the last two are ours over theirs.
type report struct {
	PauseRatio         byRuntime `json:"pause_ratio"`
	StartRatioWarm     byRuntime `json:"start_ratio_warm"`
	StartRatioEmpty    byRuntime `json:"start_ratio_empty"`
	PoolRatio          byRuntime `json:"pool_ratio"`
	CheckpointCPURatio byRuntime `json:"checkpoint_cpu_ratio"`
	RestoreCPURatio    byRuntime `json:"restore_cpu_ratio"`

	// Further holds the ratios beside other references, by what is compared.
	Further map[string]byRuntime `json:"further_ratios"`

	Machine     machine.Info       `json:"machine"`
	CPUs        cpuPlan            `json:"pinned"`
	N           int                `json:"n"`
	Generations int                `json:"generations"`
	Spacing     int                `json:"spacing"`
	Request     string             `json:"request"`
	NetworkLock string             `json:"network_lock"`
	Began       time.Time          `json:"began"`
	Ended       time.Time          `json:"ended"`
	Runtimes    map[string]*result `json:"runtimes"`
}

// result is that of one runtime.
type result struct {
	Function   string    `json:"function"`
	Began      time.Time `json:"began"`
	Ended      time.Time `json:"ended"`
	LoadBefore float64   `json:"load_before"`
	LoadAfter  float64   `json:"load_after"`
	// ImageBytes and Pages are of the image that all starts are from.
	ImageBytes int64 `json:"image_bytes"`
	Pages      int   `json:"pages"`
	// FullBytes are those of as many full copies as the lineage has snapshots,
	// PoolBytes and PoolObjects what they take in the pool.
	FullBytes   int64        `json:"full_bytes"`
	PoolBytes   int64        `json:"pool_bytes"`
	PoolObjects int          `json:"pool_objects"`
	Lineage     []generation `json:"lineage"`
	// Pauses and Starts are in ms, Checkpoints of the CPU time of one.
	Pauses      samples   `json:"pauses"`
	Starts      samples   `json:"starts"`
	Checkpoints samples   `json:"checkpoints"`
	CopyMS      []float64 `json:"memory_copy_ms"`
}

func newReport(o options, cpus cpuPlan) *report {
	_, lock := networkLock()
	return &report{
		NetworkLock: lock,
		Machine:     machine.This(), CPUs: cpus, N: o.n, Generations: o.generations, Spacing: o.spacing, Request: o.request,
		Began: time.Now(), Runtimes: map[string]*result{},
		PauseRatio: byRuntime{}, StartRatioWarm: byRuntime{}, StartRatioEmpty: byRuntime{}, PoolRatio: byRuntime{},
		CheckpointCPURatio: byRuntime{}, RestoreCPURatio: byRuntime{}, Further: map[string]byRuntime{},
	}
}

// finish computes the ratios.
func (r *report) finish() {
	r.Ended = time.Now()
	for name, one := range r.Runtimes {
		r.PauseRatio[name] = one.Pauses.ratio(pauseTheirs, pauseOurs, "gap_ms")
		r.StartRatioWarm[name] = one.Starts.ratio(startTheirs, startWarm, "total_ms")
		r.StartRatioEmpty[name] = one.Starts.ratio(startTheirs, startEmpty, "total_ms")
		r.PoolRatio[name] = float64(one.FullBytes) / float64(max(one.PoolBytes, 1))
		r.CheckpointCPURatio[name] = one.Checkpoints.ratio(spendOurs, spendTheirs, "cpu_ms")
		r.RestoreCPURatio[name] = one.Starts.ratio(startEmpty, startTheirs, "cpu_ms")
		for what, ratio := range one.further() {
			if r.Further[what] == nil {
				r.Further[what] = byRuntime{}
			}
			r.Further[what][name] = ratio
		}
	}
}

// further are the ratios beside other references.
func (one *result) further() map[string]float64 {
	return map[string]float64{
		"pause_over_memory_copy":              one.Pauses.median(pauseOurs, "gap_ms") / max(median(one.CopyMS), 1e-3),
		"pause_with_criu_cache":               one.Pauses.ratio(pauseTheirsKdat, pauseOurs, "gap_ms"),
		"pause_without_network_lock":          one.Pauses.ratio(pauseTheirsSkip, pauseOurs, "gap_ms"),
		"pause_4_connections":                 one.Pauses.ratio(pauseTheirs4, pauseOurs4, "gap_ms"),
		"pause_4_without_network_lock":        one.Pauses.ratio(pauseTheirsSkip4, pauseOurs4, "gap_ms"),
		"start_warm_with_criu_cache":          one.Starts.ratio(startTheirsKdat, startWarm, "total_ms"),
		"start_empty_with_criu_cache":         one.Starts.ratio(startTheirsKdat, startEmpty, "total_ms"),
		"start_warm_on_disk":                  one.Starts.ratio(startTheirs, startWarmDisk, "total_ms"),
		"start_next_lifetime_with_criu_cache": one.Starts.ratio(startTheirsKdat, startNext, "total_ms"),
		"restore_cpu_warm_cache":              one.Starts.ratio(startWarm, startTheirs, "cpu_ms"),
		"restore_cpu_with_criu_cache":         one.Starts.ratio(startEmpty, startTheirsKdat, "cpu_ms"),
		"restore_cpu_warm_both":               one.Starts.ratio(startWarm, startTheirsKdat, "cpu_ms"),
		"checkpoint_cpu_with_criu_cache":      one.Checkpoints.ratio(spendOurs, spendTheirsKdat, "cpu_ms"),
	}
}
