package report

import (
	"slices"
	"strconv"
)

// siteTables are the tables of the pages, by name. Those that would be empty
// are not there.
func (e Evaluation) siteTables() map[string]table {
	all := []table{
		e.aggregateTable(), e.improvementTable(), e.startTable(), e.collectionTable(),
		e.table4(), e.table5(), e.picksTable(), e.sweepTable(),
		e.configurationTable(), e.lifetimesTable(), e.lineageTable(), e.extentTable(), e.setupTable(),
	}
	filled := make(map[string]table)
	for _, t := range all {
		if len(t.rows) > 0 {
			filled[t.name] = t
		}
	}
	return filled
}

// gainsRow is a measure of an aggregate.
type gainsRow struct {
	Aggregate
	*Gains
	measure string
	paper   *float64
}

func (e Evaluation) aggregateTable() table {
	var rows []gainsRow
	for _, a := range e.Aggregates {
		if family(a.Strategy) >= family("request_centric") {
			rows = append(rows, a.rows()...)
		}
	}
	fields := []field[gainsRow]{
		textField("rate", "rate", func(r gainsRow) string { return rateAndVariant(r.Rate, r.Variant) }),
		textField("strategy", "strategy", func(r gainsRow) string { return r.Strategy }),
		textField("latency", "measure", func(r gainsRow) string { return r.measure }),
	}
	fields = append(fields, under("functions",
		countField("all", "functions", func(r gainsRow) int { return r.Functions }),
		countField("better", "better", func(r gainsRow) int { return r.Better }),
		countField("same", "same", func(r gainsRow) int { return r.Same }),
		countField("worse", "worse", func(r gainsRow) int { return r.Worse }))...)
	fields = append(fields, under("geometric mean over the improved (%)",
		changeField("measured", "geomean_improved", func(r gainsRow) *Change { return r.GeomeanImproved }),
		numberField("paper", "paper_pct", signed, func(r gainsRow) *float64 { return r.paper }))...)
	fields = append(fields, under("over all functions (%)",
		changeField("mean", "mean", func(r gainsRow) *Change { return &r.Mean }),
		changeField("of the geometric mean", "geomean", func(r gainsRow) *Change { return &r.Geomean }))...)
	return tabulate("overall", "All functions together", rows, fields...)
}

// rows are the measures of an aggregate; the paper has the first.
func (a Aggregate) rows() []gainsRow {
	all := []gainsRow{
		{a, a.Client, "client", a.PaperPercent}, {a, a.BySize, "by size", nil},
		{a, a.WithStart, "with the start", nil}, {a, a.WithoutGC, "without GC", nil},
	}
	return slices.DeleteFunc(all, func(r gainsRow) bool { return r.Gains == nil })
}

func rateAndVariant(rate int, variant string) string {
	if variant == "" {
		return strconv.Itoa(rate)
	}
	return strconv.Itoa(rate) + " " + variant
}

// functionFields are the columns that say what a row is about.
func functionFields[T any](key func(T) Key) []field[T] {
	return []field[T]{
		textField("function", "function", func(r T) string { return key(r).Benchmark }),
		countField("rate", "rate", func(r T) int { return key(r).Rate }),
	}
}

func (i Improvement) key() Key { return i.Key }

func (e Evaluation) improvementTable() table {
	fields := functionFields(Improvement.key)
	fields = append(fields, under("median (ms)", medianFields(func(s *Summary) *float64 {
		if s == nil || s.Latency == nil {
			return nil
		}
		return &s.Latency.MedianUS
	})...)...)
	fields = append(fields, under("improvement (%)",
		changeField("measured", "improvement", func(i Improvement) *Change { return i.Change }),
		changeField("by size", "improvement_by_size", func(i Improvement) *Change { return i.Normalised.change() }),
		numberField("paper", "paper_pct", signed, func(i Improvement) *float64 { return i.PaperPercent }))...)
	fields = append(fields,
		countField("requests", "requests", func(i Improvement) int { return i.Requests }),
		countField("failed", "failed", func(i Improvement) int { return i.Failed }),
		countField("runs", "runs", func(i Improvement) int { return i.Runs }))
	return tabulate("improvement", "Improvement by function and rate", e.Improvements, fields...)
}

// medianFields are a number of the three strategies of the paper.
func medianFields(value func(*Summary) *float64) []field[Improvement] {
	return []field[Improvement]{
		numberField("cold", "cold_us", microseconds, func(i Improvement) *float64 { return value(i.Cold) }),
		numberField("after first", "baseline_us", microseconds, func(i Improvement) *float64 { return value(i.Baseline) }),
		numberField("policy", "policy_us", microseconds, func(i Improvement) *float64 { return value(&i.Summary) }),
	}
}

func (e Evaluation) startTable() table {
	felt := func(value func(*Felt) float64) func(*Summary) *float64 {
		return func(s *Summary) *float64 {
			if s == nil || s.WithStart == nil {
				return nil
			}
			return new(value(s.WithStart))
		}
	}
	fields := functionFields(Improvement.key)
	fields = append(fields, under("start of a worker, median (ms)", medianFields(startUS)...)...)
	fields = append(fields, under("median with the start (ms)", medianFields(felt(func(f *Felt) float64 { return f.MedianUS }))...)...)
	fields = append(fields, under("mean with the start (ms)", medianFields(felt(func(f *Felt) float64 { return f.MeanUS }))...)...)
	fields = append(fields, under("improvement (%)",
		changeField("of the median", "improvement", func(i Improvement) *Change { return i.WithStart.change() }),
		changeField("of the mean", "improvement_of_mean", func(i Improvement) *Change { return i.WithStart.meanChange() }))...)
	prefixKeys(fields[2:5], "start_")
	prefixKeys(fields[5:8], "median_")
	prefixKeys(fields[8:11], "mean_")
	some := slices.DeleteFunc(slices.Clone(e.Improvements), func(i Improvement) bool { return i.WithStart == nil })
	return tabulate("with-start", "What a user feels: with the start of the worker", some, fields...)
}

func startUS(s *Summary) *float64 {
	if s == nil || s.Lifetimes == nil {
		return nil
	}
	return new(1000 * s.Lifetimes.StartUpMedianMS)
}

func prefixKeys[T any](fields []field[T], prefix string) {
	for _, f := range fields {
		for i := range f.keys {
			f.keys[i] = prefix + f.keys[i]
		}
	}
}

func (e Evaluation) collectionTable() table {
	fields := functionFields(Improvement.key)
	fields = append(fields, under("median without GC (ms)", medianFields(func(s *Summary) *float64 {
		if s == nil || s.WithoutGC == nil {
			return nil
		}
		return &s.WithoutGC.MedianUS
	})...)...)
	fields = append(fields, under("improvement (%)",
		changeField("without GC", "improvement_without_gc", func(i Improvement) *Change { return i.WithoutGC.change() }),
		changeField("with it", "improvement", func(i Improvement) *Change { return i.Change }))...)
	some := slices.DeleteFunc(slices.Clone(e.Improvements), func(i Improvement) bool { return i.WithoutGC == nil })
	return tabulate("without-gc", "Without garbage collection", some, fields...)
}

func (e Evaluation) picksTable() table {
	fields := functionFields(func(p Picks) Key { return p.Key })
	fields = append(fields, countField("cold starts", "cold_starts", func(p Picks) int { return p.ColdStarts }))
	fields = append(fields, under("restores",
		append([]field[Picks]{countField("number", "restores", func(p Picks) int { return p.Restores })},
			quantileField("from request number", "restored_at", func(p Picks) *Quantiles { return p.RestoredAt }))...)...)
	fields = append(fields, under("checkpoints",
		append([]field[Picks]{countField("number", "checkpoints", func(p Picks) int { return p.Checkpoints })},
			quantileField("after request number", "checkpointed_at", func(p Picks) *Quantiles { return p.CheckpointedAt }))...)...)
	return tabulate("picks", "What the policy picked", e.Picks, fields...)
}

// quantileField shows a median between its percentiles.
func quantileField[T any](name, key string, value func(T) *Quantiles) field[T] {
	return field[T]{number(name), []string{key + "_median", key + "_p10", key + "_p90"}, func(r T) cell {
		q := value(r)
		if q == nil {
			return cell{show: missing}
		}
		return cell{
			show: whole(q.Median) + " (" + whole(q.P10) + " … " + whole(q.P90) + ")",
			raw:  []string{exact(q.Median), exact(q.P10), exact(q.P90)},
		}
	}}
}

func (e Evaluation) sweepTable() table {
	var ks []int
	for _, s := range e.Sweeps {
		for _, p := range s.Points {
			ks = append(ks, p.K)
		}
	}
	slices.Sort(ks)
	fields := functionFields(func(s Sweep) Key { return Key{Benchmark: s.Benchmark, Rate: s.Rate} })
	fields = append(fields, numberField("cold", "cold_us", microseconds, func(s Sweep) *float64 { return s.ColdUS }))
	for _, k := range slices.Compact(ks) {
		key := "k_" + strconv.Itoa(k) + "_us"
		fields = append(fields, under("snapshot after request k, median (ms)",
			numberField(strconv.Itoa(k), key, microseconds, func(s Sweep) *float64 { return s.at(k) }))...)
	}
	fields = append(fields,
		countField("best k", "best_k", func(s Sweep) int { return s.best().K }),
		numberField("policy", "policy_us", microseconds, func(s Sweep) *float64 { return s.PolicyUS }))
	return tabulate("fixed-k", "A fixed snapshot after request k", e.Sweeps, fields...)
}

// at is the median for a K; nil if it was not run.
func (s Sweep) at(k int) *float64 {
	for _, p := range s.Points {
		if p.K == k {
			return &p.MedianUS
		}
	}
	return nil
}

// strategyField is the third column that names a configuration.
func strategyField[T any](key func(T) Key) field[T] {
	return textField("strategy", "strategy", func(r T) string { return key(r).Strategy })
}

func (e Evaluation) configurationTable() table {
	key := func(s Summary) Key { return s.Key }
	quantity := func(value func(*Latency) float64) func(Summary) *float64 {
		return func(s Summary) *float64 {
			if s.Latency == nil {
				return nil
			}
			return new(value(s.Latency))
		}
	}
	fields := append(functionFields(key), strategyField(key),
		countField("runs", "runs", func(s Summary) int { return s.Runs }),
		countField("requests", "requests", func(s Summary) int { return s.Requests }),
		countField("failed", "failed", func(s Summary) int { return s.Failed }))
	fields = append(fields, under("latency (ms)",
		numberField("median", "median_us", microseconds, quantity(func(l *Latency) float64 { return l.MedianUS })),
		numberField("p90", "p90_us", microseconds, quantity(func(l *Latency) float64 { return l.P90US })),
		numberField("p99", "p99_us", microseconds, quantity(func(l *Latency) float64 { return l.P99US })),
		numberField("server", "server_median_us", microseconds, quantity(func(l *Latency) float64 { return l.ServerMedianUS })),
		numberField("by size", "by_size_median_us", microseconds, func(s Summary) *float64 {
			if s.Normalised == nil {
				return nil
			}
			return &s.Normalised.MedianUS
		}))...)
	fields = append(fields, changeField("against after first (%)", "change", func(s Summary) *Change { return s.Change }))
	return tabulate("configurations", "All configurations", e.Summaries, fields...)
}

func (e Evaluation) lifetimesTable() table {
	key := func(s Summary) Key { return s.Key }
	fields := append(functionFields(key), strategyField(key),
		countField("lifetimes", "lifetimes", func(s Summary) int { return s.Lifetimes.Count }),
		numberField("restored (%)", "restored_pct", oneDecimal, func(s Summary) *float64 { return new(100 * s.Lifetimes.RestoredShare) }),
		numberField("start (ms)", "start_up_ms", milliseconds, func(s Summary) *float64 { return &s.Lifetimes.StartUpMedianMS }))
	fields = append(fields, under("checkpoints",
		countField("done", "checkpoints", func(s Summary) int { return s.Lifetimes.CheckpointsDone }),
		countField("failed", "checkpoints_failed", func(s Summary) int { return s.Lifetimes.CheckpointsFailed }),
		numberField("pause (ms)", "pause_ms", milliseconds, func(s Summary) *float64 { return s.Lifetimes.PauseMedianMS }))...)
	fields = append(fields, under("moved (MB)",
		numberField("down", "bytes_downloaded", bytesAsMB, func(s Summary) *float64 { return new(float64(s.Lifetimes.BytesDownloaded)) }),
		numberField("up", "bytes_uploaded", bytesAsMB, func(s Summary) *float64 { return new(float64(s.Lifetimes.BytesUploaded)) }))...)
	some := slices.DeleteFunc(slices.Clone(e.Summaries), func(s Summary) bool { return s.Lifetimes == nil })
	return tabulate("lifetimes", "All lifetimes", some, fields...)
}

// lineageTable is large, and there for its CSV.
func (e Evaluation) lineageTable() table {
	type row struct {
		Key
		LineagePoint
	}
	var rows []row
	for _, l := range e.Lineages {
		for _, p := range l.Points {
			rows = append(rows, row{l.Key, p})
		}
	}
	key := func(r row) Key { return r.Key }
	return tabulate("request-numbers", "By request number", rows, append(functionFields(key), strategyField(key),
		countField("request number", "request_number", func(r row) int { return r.RequestNumber }),
		countField("requests", "requests", func(r row) int { return r.Requests }),
		numberField("median (ms)", "median_us", microseconds, func(r row) *float64 {
			if r.Requests == 0 {
				return nil
			}
			return &r.MedianUS
		}),
		countField("checkpoints", "checkpoints", func(r row) int { return r.Checkpoints }),
		countField("starts", "starts", func(r row) int { return r.Restores }))...)
}
