package report_test

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/benchmarks/report"
	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

// latencies makes rows of one configuration out of the client's times in µs.
func latencies(benchmark, strategy string, us ...int64) results.Data {
	var data results.Data
	for i, v := range us {
		data.Rows = append(data.Rows, results.Row{
			RequestNumber: i, Benchmark: benchmark, Strategy: strategy, Rate: 1, ClientUS: v, ServerUS: v / 2,
		})
	}
	return data
}

// summarise returns the summaries by strategy.
func summarise(data results.Data) map[string]report.Summary {
	byStrategy := make(map[string]report.Summary)
	for _, s := range report.Summarise(data, seeded(1)) {
		byStrategy[s.Strategy] = s
	}
	return byStrategy
}

func TestLatencyQuantiles(t *testing.T) {
	hundredAndOne := make([]int64, 101)
	for i := range hundredAndOne {
		hundredAndOne[i] = int64(100-i) * 10 // 1000, 990, … 0
	}
	tests := map[string]struct {
		us   []int64
		want report.Latency
	}{
		"one request":                {[]int64{8}, report.Latency{MedianUS: 8, P90US: 8, P99US: 8, ServerMedianUS: 4}},
		"odd: the middle one":        {[]int64{9000, 2, 4}, report.Latency{MedianUS: 4, P90US: 7200.8, P99US: 8820.08, ServerMedianUS: 2}},
		"even: between the two":      {[]int64{40, 10, 20, 30}, report.Latency{MedianUS: 25, P90US: 37, P99US: 39.7, ServerMedianUS: 12.5}},
		"percentiles of 0 1 … 100 %": {hundredAndOne, report.Latency{MedianUS: 500, P90US: 900, P99US: 990, ServerMedianUS: 250}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := summarise(latencies("bfs", cold, tt.us...))[cold].Latency
			if diff := cmp.Diff(&tt.want, got, near); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

var near = cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Max(math.Abs(a), math.Abs(b)) })

func TestChangeIsAgainstTheBaselineOfTheSameBenchmarkAndRate(t *testing.T) {
	data := latencies("bfs", report.Baseline, 100, 100, 100)
	data.Add(latencies("bfs", request, 60, 60, 60))
	data.Add(latencies("bfs", cold, 150, 150, 150))
	data.Add(latencies("mst", report.Baseline, 1, 1, 1))
	data.Add(latencies("upload", "adaptive", 7, 7, 7))
	got := summarise(data)
	want := map[string]*report.Change{
		request:    {Percent: 40, Low: 40, High: 40},
		cold:       {Percent: -50, Low: -50, High: -50},
		"adaptive": nil, // no baseline of upload
	}
	for strategy, change := range want {
		if diff := cmp.Diff(change, got[strategy].Change, near); diff != "" {
			t.Errorf("%s: -want +got:\n%s", strategy, diff)
		}
	}
	if got[report.Baseline].Change != nil {
		t.Error("the baseline is compared with itself")
	}
}

// The interval has to hold the true change in about 95 of 100 runs.
func TestIntervalCoversTheTrueChange(t *testing.T) {
	const runs = 60
	covered := 0
	for seed := range uint64(runs) {
		data := synthetic(seed,
			config{"bfs", 4, report.Baseline, 120, 10e3, 0.2, nil},
			config{"bfs", 4, request, 120, 7e3, 0.3, nil})
		c := summarise(data)[request].Change
		if c.Low > c.Percent || c.Percent > c.High {
			t.Fatalf("seed %d: %+v does not hold its own estimate", seed, c)
		}
		if c.Low <= 30 && 30 <= c.High {
			covered++
		}
	}
	if share := float64(covered) / runs; share < 0.88 {
		t.Errorf("covered in %.0f %% of the runs, want about 95 %%", 100*share)
	}
}

func TestIntervalIsWiderWhenLifetimesDiffer(t *testing.T) {
	alike := synthetic(1, config{"bfs", 20, report.Baseline, 400, 10e3, 0.2, nil}, config{"bfs", 20, request, 400, 7e3, 0.2, nil})
	// The same latencies, sorted so that each lifetime is fast or slow as a whole.
	differ := results.Data{Rows: slices.Clone(alike.Rows)}
	slices.SortFunc(differ.Rows, func(a, b results.Row) int { return int(a.ClientUS - b.ClientUS) })
	next := make(map[string]int)
	for i := range differ.Rows {
		differ.Rows[i].RequestNumber = next[differ.Rows[i].Strategy]
		next[differ.Rows[i].Strategy]++
	}
	a, d := summarise(alike)[request].Change, summarise(differ)[request].Change
	if d.Percent != a.Percent {
		t.Errorf("the estimate depends on the lifetimes: %v, %v", a, d)
	}
	if d.High-d.Low < 2*(a.High-a.Low) {
		t.Errorf("intervals %+v with lifetimes that differ, %+v without", d, a)
	}
}

func TestSummariesDependOnTheSeedOnly(t *testing.T) {
	data := evaluation(3, "bfs")
	shuffled := results.Data{Rows: slices.Clone(data.Rows), Requests: data.Requests, Lifetimes: data.Lifetimes}
	slices.Reverse(shuffled.Rows)
	if diff := cmp.Diff(report.Summarise(data, seeded(5)), report.Summarise(shuffled, seeded(5))); diff != "" {
		t.Errorf("-first +second:\n%s", diff)
	}
}

func TestNormalisationRemovesTheSizeOfTheInput(t *testing.T) {
	small, large := []int64{500, 800, 1000}, []int64{1000, 1500, 2000}
	got := summarise(synthetic(1,
		config{"bfs", 4, report.Baseline, 300, 10e3, 0.01, large},
		config{"bfs", 4, request, 300, 10e3, 0.01, small}))[request]
	if c := got.Change.Percent; c < 20 {
		t.Errorf("raw change %.1f %%, want the smaller inputs to look fast", c)
	}
	if c := got.Normalised.Change.Percent; math.Abs(c) > 1 {
		t.Errorf("normalised change %.1f %%, want about 0", c)
	}
	if m := got.Normalised.MedianUS; math.Abs(m-10e3) > 200 { // 1000 is the median size of all
		t.Errorf("normalised median %.0f µs, want about 10000", m)
	}
}

func TestNoNormalisationWhereSizesDoNotVary(t *testing.T) {
	for name, sizes := range map[string][]int64{"unknown": nil, "all alike": {1000}} {
		t.Run(name, func(t *testing.T) {
			got := summarise(synthetic(1, config{"bfs", 4, cold, 20, 10e3, 0.1, sizes}))
			if got[cold].Normalised != nil {
				t.Errorf("got %+v", got[cold].Normalised)
			}
		})
	}
}

func TestFailedRequestsCountButHaveNoLatency(t *testing.T) {
	data := latencies("bfs", cold, 100, 100, 9_000_000)
	failed := func(n int) results.RequestRow {
		return results.RequestRow{Benchmark: "bfs", Strategy: cold, Rate: 1, RequestNumber: n, Error: "timeout"}
	}
	data.Requests = []results.RequestRow{failed(2), failed(3)}
	got := summarise(data)[cold]
	if got.Requests != 4 || got.Failed != 2 || got.Latency.P99US != 100 {
		t.Errorf("got %d requests, %d failed, p99 %v", got.Requests, got.Failed, got.Latency.P99US)
	}
}

func TestConfigurationThatAnsweredNothing(t *testing.T) {
	data := results.Data{Requests: []results.RequestRow{{Benchmark: "bfs", Strategy: report.Baseline, Rate: 1, Error: "refused"}}}
	data.Add(latencies("bfs", cold, 100))
	got := summarise(data)
	if s := got[report.Baseline]; s.Failed != 1 || s.Latency != nil {
		t.Errorf("got %+v", s)
	}
	if got[cold].Change != nil {
		t.Errorf("compared with nothing: %+v", got[cold].Change)
	}
	write(t, report.New(data, seeded(1)), report.JSON)
}

func TestLifetimes(t *testing.T) {
	data := latencies("bfs", cold, 100)
	for _, r := range []agent.LifetimeRecord{
		{Start: agent.Cold, StartUpMS: 300, BytesUploaded: 5,
			Checkpoint: &agent.Checkpoint{Outcome: agent.CheckpointDone, PauseMS: 10}},
		{Start: agent.Restored, StartUpMS: 40, BytesDownloaded: 7,
			Checkpoint: &agent.Checkpoint{Outcome: agent.CheckpointFailed, PauseMS: 900}},
		{Start: agent.Restored, StartUpMS: 60, BytesDownloaded: 7, BytesUploaded: 2,
			Checkpoint: &agent.Checkpoint{Outcome: agent.CheckpointDone, PauseMS: 20}},
		{Start: agent.Restored, StartUpMS: 50},
	} {
		data.Lifetimes = append(data.Lifetimes, results.LifetimeRow{Benchmark: "bfs", Strategy: cold, Rate: 1, LifetimeRecord: r})
	}
	want := &report.Lifetimes{
		Count: 4, Restored: 3, RestoredShare: 0.75, CheckpointsDone: 2, CheckpointsFailed: 1,
		StartUpMedianMS: 55, PauseMedianMS: new(15.0), BytesDownloaded: 14, BytesUploaded: 7,
	}
	if diff := cmp.Diff(want, summarise(data)[cold].Lifetimes); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestOverallCountsBenchmarksAsThePaperDoes(t *testing.T) {
	var data results.Data
	for benchmark, us := range map[string]int64{"a": 500, "b": 800, "c": 960, "d": 1040, "e": 1200} {
		data.Add(latencies(benchmark, report.Baseline, 1000))
		data.Add(latencies(benchmark, request, us))
	}
	got := report.New(data, seeded(1)).Overall
	ratios := 0.5 * 0.8 * 0.96 * 1.04 * 1.2
	want := []report.Overall{{
		Rate: 1, Strategy: request, Better: 2, Same: 2, Worse: 1,
		Percent: 100 * (1 - math.Pow(ratios, 1.0/5)), BetterPercent: new(math.Sqrt(50 * 20)),
	}}
	if diff := cmp.Diff(want, got, near); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func write(t *testing.T, r report.Report, f report.Format) string {
	t.Helper()
	var buf bytes.Buffer
	if err := r.Write(&buf, f); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func TestTextIsAligned(t *testing.T) {
	text := write(t, report.New(evaluation(1, "bfs", "matrix-multiplication"), seeded(1)), report.Text)
	for i, table := range strings.Split(text, "\n\n") {
		if i%2 == 0 {
			continue // a title
		}
		lines := strings.Split(strings.TrimSpace(table), "\n")
		for _, line := range lines {
			if utf8.RuneCountInString(line) != utf8.RuneCountInString(lines[0]) {
				t.Errorf("not as wide as the first line:\n%s\n%s", lines[0], line)
			}
		}
	}
}

func TestTablesLeaveOutWhatIsNotKnown(t *testing.T) {
	text := write(t, report.New(latencies("bfs", cold, 100), seeded(1)), report.Text)
	for _, word := range []string{"by size", "Lifetimes", "Overall"} {
		if strings.Contains(text, word) {
			t.Errorf("%q in a report of rows alone:\n%s", word, text)
		}
	}
	sized := synthetic(1, config{"bfs", 1, cold, 20, 10e3, 0.1, []int64{1, 2}})
	if text := write(t, report.New(sized, seeded(1)), report.Text); !strings.Contains(text, "by size") {
		t.Errorf("no normalised median:\n%s", text)
	}
}

func TestMarkdownRowsHaveAllColumns(t *testing.T) {
	data := evaluation(1, "bfs")
	data.Add(latencies("odd|name", cold, 100))
	md := strings.ReplaceAll(write(t, report.New(data, seeded(1)), report.Markdown), `\|`, "")
	for table := range strings.SplitSeq(md, "**\n\n") {
		bars := -1
		for line := range strings.Lines(table) {
			if !strings.HasPrefix(line, "|") {
				continue
			}
			n := strings.Count(line, "|")
			if bars >= 0 && n != bars {
				t.Errorf("%d bars, want %d: %s", n, bars, line)
			}
			bars = n
		}
	}
}

func TestJSONRoundTrip(t *testing.T) {
	want := report.New(evaluation(1, "bfs"), seeded(1))
	text := write(t, want, report.JSON)
	var got report.Report
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if !strings.Contains(text, report.Baseline) {
		t.Error("strategies are escaped")
	}
}

func TestParseFormat(t *testing.T) {
	for _, f := range []report.Format{report.Text, report.Markdown, report.JSON} {
		if got, err := report.ParseFormat(string(f)); got != f || err != nil {
			t.Errorf("%s: got %q, %v", f, got, err)
		}
	}
	if _, err := report.ParseFormat("yaml"); err == nil {
		t.Error("no error for yaml")
	}
}
