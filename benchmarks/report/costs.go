package report

import (
	"cmp"
	"slices"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

// SnapshotCost is a row of table 4: when the best snapshot is there, and what
// snapshots of a function cost. Times are medians in ms, nil where nothing was
// measured.
type SnapshotCost struct {
	Benchmark string `json:"function"`
	// Optima are by rate.
	Optima []Optimum `json:"optima"`
	// Dumps and Restores count what the times are of.
	Dumps    int `json:"dumps"`
	Restores int `json:"restores"`
	// DumpMS is CRIU's part of PauseMS, in which requests are held.
	DumpMS  *float64 `json:"dump_ms"`
	PauseMS *float64 `json:"pause_ms"`
	// RestoreMS is CRIU's part of StartMS, from asking for a plan until the
	// restored process accepts connections. ColdMS is that of a cold start.
	RestoreMS *float64 `json:"restore_ms"`
	StartMS   *float64 `json:"start_ms"`
	ColdMS    *float64 `json:"cold_start_ms"`
	// ImageBytes is the median size of an image.
	ImageBytes *float64 `json:"image_bytes"`
	Paper      *Paper   `json:"paper,omitempty"`
}

// snapshotCosts are those of the configurations of a strategy, by function.
func snapshotCosts(all []compared, strategy string) []SnapshotCost {
	var list []SnapshotCost
	for _, some := range byBenchmark(all, strategy) {
		list = append(list, snapshotCost(some))
	}
	return list
}

// byBenchmark groups the configurations of a strategy.
func byBenchmark(all []compared, strategy string) [][]compared {
	var list [][]compared
	for _, c := range all {
		if c.Summary.Strategy != strategy {
			continue
		}
		if n := len(list); n > 0 && list[n-1][0].Summary.Benchmark == c.Summary.Benchmark {
			list[n-1] = append(list[n-1], c)
		} else {
			list = append(list, []compared{c})
		}
	}
	return list
}

func snapshotCost(some []compared) SnapshotCost {
	cost := SnapshotCost{Benchmark: some[0].Summary.Benchmark}
	if f := functionOf(cost.Benchmark); f != nil {
		cost.Paper = &f.Paper
	}
	var dumps, pauses, restores, starts, colds, sizes []float64
	for _, c := range some {
		cost.Optima = append(cost.Optima, optimum(c.group))
		for _, l := range c.lifetimes {
			if l.Start == agent.Restored {
				restores, starts = append(restores, l.RestoreMS), append(starts, l.StartUpMS)
			} else {
				colds = append(colds, l.StartUpMS)
			}
			if taken(l) {
				dumps, pauses = append(dumps, l.Checkpoint.DumpMS), append(pauses, l.Checkpoint.PauseMS)
				sizes = append(sizes, float64(l.Checkpoint.Bytes))
			}
		}
	}
	cost.Dumps, cost.Restores = len(dumps), len(restores)
	cost.DumpMS, cost.PauseMS, cost.ImageBytes = medianIf(dumps), medianIf(pauses), medianIf(sizes)
	cost.RestoreMS, cost.StartMS, cost.ColdMS = medianIf(restores), medianIf(starts), medianIf(colds)
	return cost
}

// taken reports whether a checkpoint was taken of a lifetime.
func taken(l results.LifetimeRow) bool {
	return l.Checkpoint != nil && l.Checkpoint.Outcome == agent.CheckpointDone
}

// medianIf is nil for no values.
func medianIf(values []float64) *float64 {
	if len(values) == 0 {
		return nil
	}
	return new(median(values))
}

// Traffic is a row of table 5: what the pool stores and what moves between it
// and the workers, per run of a configuration.
type Traffic struct {
	Benchmark string `json:"function"`
	Rate      int    `json:"rate"`
	Runs      int    `json:"runs"`
	// Lifetimes and Snapshots are means over the runs.
	Lifetimes float64 `json:"lifetimes"`
	Snapshots float64 `json:"snapshots"`
	// StoredSnapshots is the number of the first snapshots, 12 or as many as
	// there were, that StoredBytes were stored for: nothing is pruned before.
	StoredSnapshots float64 `json:"stored_snapshots"`
	StoredBytes     float64 `json:"stored_bytes"`
	// CalculatedStoredBytes is the artifact's way: as many full images.
	CalculatedStoredBytes float64 `json:"calculated_stored_bytes"`
	// MovedBytes is what was down- and uploaded, UncachedBytes what would have
	// been if starts had found nothing in a cache of their node.
	MovedBytes    float64 `json:"moved_bytes"`
	UncachedBytes float64 `json:"uncached_bytes"`
	// CalculatedMovedBytes is the artifact's way: each lifetime moves one full
	// image in and one out.
	CalculatedMovedBytes float64 `json:"calculated_moved_bytes"`
	Paper                *Paper  `json:"paper,omitempty"`
}

// traffics are those of the configurations of a strategy that took snapshots.
func traffics(all []compared, strategy string) []Traffic {
	var list []Traffic
	for _, c := range all {
		if c.Summary.Strategy == strategy && slices.ContainsFunc(c.lifetimes, taken) {
			list = append(list, traffic(c.group))
		}
	}
	return list
}

func traffic(g *group) Traffic {
	t := Traffic{Benchmark: g.Benchmark, Rate: g.Rate}
	if f := functionOf(g.Benchmark); f != nil && g.Rate == 4 {
		t.Paper = &f.Paper
	}
	var sizes []float64
	byRun := make(map[string][]results.LifetimeRow)
	for _, l := range g.lifetimes {
		byRun[l.Run] = append(byRun[l.Run], l)
		if taken(l) {
			sizes = append(sizes, float64(l.Checkpoint.Bytes))
		}
	}
	for _, lifetimes := range byRun {
		t.add(lifetimes)
	}
	t.Runs = len(byRun)
	for _, sum := range []*float64{&t.Lifetimes, &t.Snapshots, &t.StoredSnapshots, &t.StoredBytes, &t.MovedBytes, &t.UncachedBytes} {
		*sum /= float64(t.Runs)
	}
	t.CalculatedStoredBytes = t.StoredSnapshots * median(sizes)
	t.CalculatedMovedBytes = t.Lifetimes * 2 * median(sizes)
	return t
}

// add adds the lifetimes of a run.
func (t *Traffic) add(lifetimes []results.LifetimeRow) {
	slices.SortFunc(lifetimes, func(a, b results.LifetimeRow) int {
		return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.Lifetime, b.Lifetime))
	})
	stored := 0
	for _, l := range lifetimes {
		t.Lifetimes++
		t.MovedBytes += float64(l.BytesDownloaded + l.BytesUploaded)
		t.UncachedBytes += float64(l.BytesDownloaded + l.BytesCached + l.BytesUploaded)
		if !taken(l) {
			continue
		}
		t.Snapshots++
		if stored++; stored <= paperCapacity {
			t.StoredSnapshots++
			t.StoredBytes += float64(l.Checkpoint.StoredBytes)
		}
	}
}
