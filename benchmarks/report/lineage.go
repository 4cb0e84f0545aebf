package report

import (
	"maps"
	"slices"

	"github.com/pronghorn-faas/pronghorn/agent"
)

// Lineage is what happened at each request number of the lineages of a
// configuration.
type Lineage struct {
	Key
	// Points are by request number, ascending.
	Points []LineagePoint
}

// LineagePoint is what happened at one request number.
type LineagePoint struct {
	// RequestNumber counts the requests of a process over all restores, from 1.
	// It is 0 for cold starts.
	RequestNumber int
	// Requests were answered with this number, at a median of MedianUS.
	Requests int
	MedianUS float64
	// Checkpoints were taken after the request, and Restores started from such a
	// checkpoint. At 0 they are cold starts.
	Checkpoints, Restores int
}

// lineages are those of the configurations of which requests were recorded.
func lineages(all []compared) []Lineage {
	var list []Lineage
	for _, c := range all {
		if l := lineage(c.group); len(l.Points) > 0 {
			list = append(list, l)
		}
	}
	return list
}

func lineage(g *group) Lineage {
	points := make(map[int]*LineagePoint)
	at := func(number int) *LineagePoint {
		if points[number] == nil {
			points[number] = &LineagePoint{RequestNumber: number}
		}
		return points[number]
	}
	latencies := make(map[int][]float64)
	for _, r := range g.rows {
		if n := g.requests[placeOf(r)].LineageRequestNumber; n > 0 {
			latencies[n] = append(latencies[n], float64(r.ClientUS))
		}
	}
	for n, us := range latencies {
		at(n).Requests, at(n).MedianUS = len(us), median(us)
	}
	if len(points) == 0 {
		return Lineage{}
	}
	for _, l := range g.lifetimes {
		if l.Start == agent.Restored {
			at(l.RequestNumber).Restores++
		} else {
			at(0).Restores++
		}
		if taken(l) {
			at(l.Checkpoint.RequestNumber).Checkpoints++
		}
	}
	all := Lineage{Key: g.Key}
	for _, n := range slices.Sorted(maps.Keys(points)) {
		all.Points = append(all.Points, *points[n])
	}
	return all
}

// Picks is what a strategy chose: the request numbers that lifetimes started
// from and that checkpoints were taken at. Quantiles are nil if there are none.
type Picks struct {
	Key
	ColdStarts     int        `json:"cold_starts"`
	Restores       int        `json:"restores"`
	RestoredAt     *Quantiles `json:"restored_at"`
	Checkpoints    int        `json:"checkpoints"`
	CheckpointedAt *Quantiles `json:"checkpointed_at"`
}

// Quantiles are the 10th, 50th and 90th percentile.
type Quantiles struct {
	P10    float64 `json:"p10"`
	Median float64 `json:"median"`
	P90    float64 `json:"p90"`
}

// picks are those of the configurations of a strategy with lifetimes.
func picks(all []compared, strategy string) []Picks {
	var list []Picks
	for _, c := range all {
		if c.Summary.Strategy == strategy && len(c.lifetimes) > 0 {
			list = append(list, pick(c.group))
		}
	}
	return list
}

func pick(g *group) Picks {
	p := Picks{Key: g.Key}
	var restored, checkpointed []float64
	for _, l := range g.lifetimes {
		if l.Start == agent.Restored {
			restored = append(restored, float64(l.RequestNumber))
		} else {
			p.ColdStarts++
		}
		if taken(l) {
			checkpointed = append(checkpointed, float64(l.Checkpoint.RequestNumber))
		}
	}
	p.Restores, p.RestoredAt = len(restored), quantilesOf(restored)
	p.Checkpoints, p.CheckpointedAt = len(checkpointed), quantilesOf(checkpointed)
	return p
}

func quantilesOf(values []float64) *Quantiles {
	if len(values) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(values))
	return &Quantiles{quantile(sorted, 0.1), quantile(sorted, 0.5), quantile(sorted, 0.9)}
}
