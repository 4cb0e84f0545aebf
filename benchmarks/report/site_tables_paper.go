package report

import (
	"slices"
	"strconv"
)

func (e Evaluation) table4() table {
	fields := []field[SnapshotCost]{textField("function", "function", func(c SnapshotCost) string { return c.Benchmark })}
	fields = append(fields, e.optimumFields()...)
	fields = append(fields, under("dump (ms)",
		numberField("CRIU", "dump_ms", milliseconds, func(c SnapshotCost) *float64 { return c.DumpMS }),
		numberField("pause", "pause_ms", milliseconds, func(c SnapshotCost) *float64 { return c.PauseMS }),
		paperField("dump_ms", func(p *Paper) float64 { return p.DumpMS }))...)
	fields = append(fields, under("start (ms)",
		numberField("CRIU", "restore_ms", milliseconds, func(c SnapshotCost) *float64 { return c.RestoreMS }),
		numberField("restored", "start_ms", milliseconds, func(c SnapshotCost) *float64 { return c.StartMS }),
		numberField("cold", "cold_start_ms", milliseconds, func(c SnapshotCost) *float64 { return c.ColdMS }),
		paperField("restore_ms", func(p *Paper) float64 { return p.RestoreMS }))...)
	fields = append(fields, under("image (MB)",
		numberField("measured", "image_bytes", bytesAsMB, func(c SnapshotCost) *float64 { return c.ImageBytes }),
		paperField("image_mb", func(p *Paper) float64 { return p.ImageMB }))...)
	fields = append(fields, under("measured",
		countField("dumps", "dumps", func(c SnapshotCost) int { return c.Dumps }),
		countField("restores", "restores", func(c SnapshotCost) int { return c.Restores }))...)
	return tabulate("table-4", "Table 4: the optimal snapshot, and what snapshots cost", e.Costs, fields...)
}

// optimumFields are the requests until the optimum by rate.
func (e Evaluation) optimumFields() []field[SnapshotCost] {
	var rates []int
	for _, c := range e.Costs {
		for _, o := range c.Optima {
			rates = append(rates, o.Rate)
		}
	}
	slices.Sort(rates)
	var fields []field[SnapshotCost]
	for _, rate := range slices.Compact(rates) {
		name := strconv.Itoa(rate)
		fields = append(fields, field[SnapshotCost]{number("rate " + name), []string{"optimum_rate_" + name}, func(c SnapshotCost) cell {
			return c.optimumAt(rate).cell()
		}})
	}
	fields = append(fields, numberField("paper, rate 4", "paper_optimum_rate_4", whole, func(c SnapshotCost) *float64 {
		if c.Paper == nil {
			return nil
		}
		return new(float64(c.Paper.Optimum))
	}))
	return under("requests until the optimal snapshot", fields...)
}

// optimumAt is zero for a rate that was not run.
func (c SnapshotCost) optimumAt(rate int) Optimum {
	for _, o := range c.Optima {
		if o.Rate == rate {
			return o
		}
	}
	return Optimum{}
}

// cell marks what is not by the letter of the paper, or not of all runs.
func (o Optimum) cell() cell {
	if o.Requests == nil {
		return cell{show: missing}
	}
	c := cell{show: whole(*o.Requests), raw: []string{exact(*o.Requests)}}
	if o.Scaled {
		c.show += "*"
	}
	if o.Found < o.Runs {
		c.show += " (" + strconv.Itoa(o.Found) + " of " + strconv.Itoa(o.Runs) + ")"
	}
	return c
}

func paperField(key string, value func(*Paper) float64) field[SnapshotCost] {
	return numberField("paper", "paper_"+key, oneDecimal, func(c SnapshotCost) *float64 {
		if c.Paper == nil {
			return nil
		}
		return new(value(c.Paper))
	})
}

func (e Evaluation) table5() table {
	mb := func(name, key string, value func(Traffic) float64) field[Traffic] {
		return numberField(name, key, bytesAsMB, func(t Traffic) *float64 { return new(value(t)) })
	}
	paper := func(key string, value func(*Paper) float64) field[Traffic] {
		return numberField("paper", key, milliseconds, func(t Traffic) *float64 {
			if t.Paper == nil {
				return nil
			}
			return new(value(t.Paper))
		})
	}
	ratio := func(key string, calculated, measured func(Traffic) float64) field[Traffic] {
		return numberField("ratio", key, oneDecimal, func(t Traffic) *float64 {
			if measured(t) == 0 {
				return nil
			}
			return new(calculated(t) / measured(t))
		})
	}
	stored := func(t Traffic) float64 { return t.StoredBytes }
	storedFull := func(t Traffic) float64 { return t.CalculatedStoredBytes }
	moved := func(t Traffic) float64 { return t.MovedBytes }
	uncached := func(t Traffic) float64 { return t.UncachedBytes }
	movedFull := func(t Traffic) float64 { return t.CalculatedMovedBytes }

	fields := functionFields(func(t Traffic) Key { return Key{Benchmark: t.Benchmark, Rate: t.Rate} })
	fields = append(fields, under("storage (MB)",
		numberField("snapshots", "stored_snapshots", trimmed, func(t Traffic) *float64 { return &t.StoredSnapshots }),
		mb("measured", "stored_bytes", stored), mb("full copies", "calculated_stored_bytes", storedFull),
		ratio("stored_ratio", storedFull, stored), paper("paper_storage_mb", (*Paper).StorageMB))...)
	fields = append(fields, under("network (MB)",
		numberField("lifetimes", "lifetimes", trimmed, func(t Traffic) *float64 { return &t.Lifetimes }),
		mb("measured", "moved_bytes", moved), mb("without caches", "uncached_bytes", uncached),
		mb("full copies", "calculated_moved_bytes", movedFull),
		ratio("moved_ratio", movedFull, moved), paper("paper_network_mb", (*Paper).NetworkMB))...)
	return tabulate("table-5", "Table 5: storage and network", e.Traffic, fields...)
}

// trimmed shows a mean of counts, which is most often whole.
func trimmed(v float64) string {
	if v == float64(int64(v)) {
		return whole(v)
	}
	return oneDecimal(v)
}
