package report

import "strconv"

// tables are the report as tables, without those that would be empty.
func (r Report) tables() []table {
	all := []table{latencyTable(r.Summaries), lifetimeTable(r.Summaries), overallTable(r.Overall)}
	var filled []table
	for _, t := range all {
		if len(t.rows) > 0 {
			filled = append(filled, t)
		}
	}
	return filled
}

func latencyTable(summaries []Summary) table {
	t := table{
		title: "Latency (ms; change of the median against " + Baseline + ", 95 % interval; positive is faster)",
		columns: append(keyColumns(),
			number("requests"), number("failed"), number("median"), number("p90"), number("p99"),
			number("server"), number("change"), number("interval")),
	}
	sized := anyNormalised(summaries)
	if sized {
		t.columns = append(t.columns, number("by size"), number("change"), number("interval"))
	}
	for _, s := range summaries {
		cells := append(keyCells(s.Key), strconv.Itoa(s.Requests), strconv.Itoa(s.Failed))
		cells = append(cells, latencyCells(s.Latency)...)
		cells = append(cells, changeCells(s.Change)...)
		if sized {
			cells = append(cells, normalisedCells(s.Normalised)...)
		}
		t.rows = append(t.rows, cells)
	}
	return t
}

func anyNormalised(summaries []Summary) bool {
	for _, s := range summaries {
		if s.Normalised != nil {
			return true
		}
	}
	return false
}

func lifetimeTable(summaries []Summary) table {
	t := table{
		title: "Lifetimes (ms, MB)",
		columns: append(keyColumns(),
			number("lifetimes"), number("restored"), number("start-up"),
			number("checkpoints"), number("failed"), number("pause"), number("down"), number("up")),
	}
	for _, s := range summaries {
		if s.Lifetimes != nil {
			t.rows = append(t.rows, append(keyCells(s.Key), s.Lifetimes.cells()...))
		}
	}
	return t
}

func (l *Lifetimes) cells() []string {
	pause := missing
	if l.PauseMedianMS != nil {
		pause = milliseconds(*l.PauseMedianMS)
	}
	return []string{
		strconv.Itoa(l.Count), strconv.FormatFloat(100*l.RestoredShare, 'f', 1, 64) + " %",
		milliseconds(l.StartUpMedianMS),
		strconv.Itoa(l.CheckpointsDone), strconv.Itoa(l.CheckpointsFailed), pause,
		megabytes(l.BytesDownloaded), megabytes(l.BytesUploaded),
	}
}

func overallTable(all []Overall) table {
	t := table{
		title: "Overall (benchmarks by the change of their median: better or worse by more than 5 %)",
		columns: []column{number("rate"), word("strategy"), number("better"), number("same"), number("worse"),
			number("change"), number("of the better")},
	}
	for _, o := range all {
		better := missing
		if o.BetterPercent != nil {
			better = percentage(*o.BetterPercent)
		}
		t.rows = append(t.rows, []string{
			strconv.Itoa(o.Rate), o.Strategy,
			strconv.Itoa(o.Better), strconv.Itoa(o.Same), strconv.Itoa(o.Worse),
			percentage(o.Percent), better,
		})
	}
	return t
}
