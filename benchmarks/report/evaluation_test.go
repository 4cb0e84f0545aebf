package report_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/benchmarks/report"
	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

func evaluate(data results.Data) report.Evaluation { return report.Evaluate(data, seeded(1), nil) }

// inRun makes data a repetition.
func inRun(name string, data results.Data) results.Data {
	for i := range data.Rows {
		data.Rows[i].Run = name
	}
	for i := range data.Requests {
		data.Requests[i].Run = name
	}
	for i := range data.Lifetimes {
		data.Lifetimes[i].Run = name
	}
	return data
}

// Runs that differ make the interval wide, however many requests they have.
func TestIntervalIsWiderWhenRunsDiffer(t *testing.T) {
	spread := func(medians ...float64) float64 {
		var data results.Data
		for i, us := range medians {
			data.Add(inRun(string(rune('a'+i)), synthetic(uint64(i),
				config{"bfs", 4, report.Baseline, 200, 10e3, 0.05, nil},
				config{"bfs", 4, request, 200, us, 0.05, nil})))
		}
		c := summarise(data)[request].Change
		return c.High - c.Low
	}
	alike, differ := spread(7e3, 7e3, 7e3, 7e3, 7e3), spread(4e3, 5e3, 7e3, 9e3, 11e3)
	if differ < 5*alike {
		t.Errorf("intervals of %.1f %% with runs that differ, of %.1f %% without", differ, alike)
	}
}

// A run in which the machine was slow for all strategies says nothing about
// their difference.
func TestARunIsSlowForBoth(t *testing.T) {
	var data results.Data
	for i, slow := range []float64{1, 1.5, 2, 3, 5} {
		data.Add(inRun(string(rune('a'+i)), synthetic(uint64(i),
			config{"bfs", 4, report.Baseline, 200, slow * 10e3, 0.05, nil},
			config{"bfs", 4, request, 200, slow * 7e3, 0.05, nil})))
	}
	if c := summarise(data)[request].Change; c.High-c.Low > 12 || c.Low > 30 || c.High < 30 {
		t.Errorf("got %+v, want about 30", c)
	}
}

func TestRunsAreCounted(t *testing.T) {
	data := inRun("run-1", latencies("bfs", cold, 1, 2))
	data.Add(inRun("run-2", latencies("bfs", cold, 3, 4)))
	got := summarise(data)[cold]
	if got.Runs != 2 || got.Requests != 4 || got.Latency.MedianUS != 2.5 {
		t.Errorf("got %d runs, %d requests, median %v", got.Runs, got.Requests, got.Latency.MedianUS)
	}
}

// twoLifetimes are four requests that two lifetimes served.
func twoLifetimes(strategy string, startMS float64, us, waitUS int64) results.Data {
	data := latencies("bfs", strategy, us, us, us, us)
	for i, r := range data.Rows {
		data.Requests = append(data.Requests, results.RequestRow{
			Benchmark: "bfs", Strategy: strategy, Rate: 1, RequestNumber: i, Lifetime: string(rune('a' + i/2)),
			ClientUS: r.ClientUS, WaitUS: waitUS, GCUS: new(r.ClientUS / 4),
		})
	}
	for _, id := range []string{"a", "b"} {
		data.Lifetimes = append(data.Lifetimes, results.LifetimeRow{Benchmark: "bfs", Strategy: strategy, Rate: 1,
			LifetimeRecord: agent.LifetimeRecord{Lifetime: id, Start: agent.Cold, StartUpMS: startMS}})
	}
	return data
}

func TestTheFirstRequestOfALifetimeTakesItsStart(t *testing.T) {
	tests := map[string]struct {
		startMS      float64
		waitUS       int64
		median, mean float64
	}{
		"nobody waited in the run":       {100, 0, 51_000, 51_000},     // 101, 1, 101, 1 ms
		"checkpoints held every request": {100, 2_000, 52_000, 52_000}, // 101, 3, 101, 3
		"a wait longer than the start":   {100, 300_000, 301_000, 301_000},
		"the start is nothing":           {0, 0, 1_000, 1_000},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := summarise(twoLifetimes(cold, tt.startMS, 1000, tt.waitUS))[cold].WithStart
			if math.Abs(got.MedianUS-tt.median) > 1 || math.Abs(got.MeanUS-tt.mean) > 1 {
				t.Errorf("median %v, mean %v, want %v, %v", got.MedianUS, got.MeanUS, tt.median, tt.mean)
			}
		})
	}
}

func TestChangesWithTheStartAndWithoutGC(t *testing.T) {
	data := twoLifetimes(report.Baseline, 100, 100_000, 0) // 200, 100, 200, 100 ms
	data.Add(twoLifetimes(request, 50, 50_000, 0))         // 100, 50, 100, 50
	got := summarise(data)[request]
	if got.WithStart.Change.Percent != 50 || got.WithStart.MeanChange.Percent != 50 {
		t.Errorf("with the start: %+v, %+v, want 50", got.WithStart.Change, got.WithStart.MeanChange)
	}
	if got.WithoutGC.MedianUS != 37_500 || got.WithoutGC.Change.Percent != 50 {
		t.Errorf("without GC: %+v", got.WithoutGC)
	}
}

func TestMeasuresThatTheFilesDoNotTell(t *testing.T) {
	got := summarise(latencies("bfs", cold, 1, 2))[cold]
	if got.WithStart != nil || got.WithoutGC != nil {
		t.Errorf("got %+v, %+v, want nothing", got.WithStart, got.WithoutGC)
	}
}

func TestAggregates(t *testing.T) {
	var data results.Data
	for benchmark, us := range map[string]int64{"bfs": 500, "dfs": 800, "mst": 960, "video": 1200, "bfs@2cpus": 900} {
		data.Add(latencies(benchmark, report.Baseline, 1000))
		data.Add(latencies(benchmark, request, us))
	}
	e := evaluate(data)
	if len(e.Aggregates) != 2 || e.Aggregates[1].Variant != "2cpus" || e.Aggregates[1].Client.Functions != 1 {
		t.Fatalf("got %+v, want the usual condition and the variant", e.Aggregates)
	}
	got := e.Aggregates[0]
	same := func(percent float64) report.Change {
		return report.Change{Percent: percent, Low: percent, High: percent}
	}
	want := &report.Gains{
		Functions: 4, Better: 2, Same: 1, Worse: 1, GeomeanImproved: new(same(math.Sqrt(50 * 20))),
		Mean: same((50 + 20 + 4 - 20) / 4.0), Geomean: same(100 * (1 - math.Pow(0.5*0.8*0.96*1.2, 0.25))),
	}
	if diff := cmp.Diff(want, got.Client, near); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got.PaperPercent == nil || *got.PaperPercent != 28.9 || got.BySize != nil {
		t.Errorf("paper %v, by size %v", got.PaperPercent, got.BySize)
	}
}

// The paper's numbers agree with each other: its mean is that of its functions.
func TestThePapersNumbersAgree(t *testing.T) {
	d := evaluate(results.Data{}).Document()
	sum, improved := 0.0, 0
	for _, p := range d.Paper.Functions {
		if p.Percent > 5 {
			sum += math.Log(p.Percent)
			improved++
		}
	}
	if got := math.Exp(sum / float64(improved)); len(d.Paper.Functions) != 13 || improved != 9 || math.Abs(got-d.Paper.GeomeanImproved["1"]) > 0.1 {
		t.Errorf("%d functions, %d improved by %.1f %%, want 13, 9 and %.1f", len(d.Paper.Functions), improved, got, d.Paper.GeomeanImproved["1"])
	}
}

// settling makes a run whose latencies are 1000 µs from some index on and
// twice that before.
func settling(benchmark string, at, requests int) results.Data {
	us := make([]int64, requests)
	for i := range us {
		us[i] = 1000
		if i < at {
			us[i] = 2000
		}
	}
	return latencies(benchmark, request, us...)
}

func TestRequestsUntilTheOptimalSnapshot(t *testing.T) {
	tests := map[string]struct {
		benchmark    string
		at, requests int
		want         float64 // negative: none
		scaled       bool
	}{
		// A window's median is that of the later half of it, and 10 is between.
		"after the settling":          {"bfs", 150, 500, 141, false},
		"never before W of PyPy":      {"bfs", 10, 500, 100, false},
		"never before W of the JVM":   {"simple-hash", 10, 500, 200, false},
		"a function of none of them":  {"mine", 10, 500, 100, false},
		"fewer requests: a last part": {"bfs", 110, 200, 101, true},
		"too few to tell":             {"bfs", 10, 100, -1, false},
		"a single request":            {"bfs", 0, 1, -1, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := evaluate(settling(tt.benchmark, tt.at, tt.requests)).Costs[0].Optima[0]
			got := -1.0
			if o.Requests != nil {
				got = *o.Requests
			}
			if got != tt.want || o.Scaled != tt.scaled {
				t.Errorf("got %v, scaled %v, want %v, %v", got, o.Scaled, tt.want, tt.scaled)
			}
		})
	}
}

// checkpointed makes lifetimes that each took a checkpoint of 40 MB and added
// 2 MB to the pool.
func checkpointed(n int) results.Data {
	data := latencies("bfs", request, 1000)
	for i := range n {
		data.Lifetimes = append(data.Lifetimes, results.LifetimeRow{Benchmark: "bfs", Strategy: request, Rate: 1,
			LifetimeRecord: agent.LifetimeRecord{
				Lifetime: string(rune('a' + i)), Start: agent.Restored, RequestNumber: i, StartUpMS: 50, RestoreMS: 30,
				BytesDownloaded: 3e6, BytesUploaded: 1e6, BytesCached: 2e6,
				Checkpoint: &agent.Checkpoint{Outcome: agent.CheckpointDone, RequestNumber: i + 1, DumpMS: 11, PauseMS: 14,
					Bytes: 40e6, StoredBytes: 2e6},
			}})
	}
	return data
}

func TestTraffic(t *testing.T) {
	tests := map[string]struct {
		lifetimes int
		want      report.Traffic
	}{
		"fewer snapshots than the pool holds": {5, report.Traffic{Lifetimes: 5, Snapshots: 5, StoredSnapshots: 5,
			StoredBytes: 10e6, CalculatedStoredBytes: 200e6, MovedBytes: 20e6, UncachedBytes: 30e6, CalculatedMovedBytes: 400e6}},
		"only the first twelve": {20, report.Traffic{Lifetimes: 20, Snapshots: 20, StoredSnapshots: 12,
			StoredBytes: 24e6, CalculatedStoredBytes: 480e6, MovedBytes: 80e6, UncachedBytes: 120e6, CalculatedMovedBytes: 1600e6}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.want.Benchmark, tt.want.Rate, tt.want.Runs = "bfs", 1, 1
			if diff := cmp.Diff([]report.Traffic{tt.want}, evaluate(checkpointed(tt.lifetimes)).Traffic); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			twice := inRun("a", checkpointed(tt.lifetimes))
			twice.Add(inRun("b", checkpointed(tt.lifetimes)))
			tt.want.Runs = 2
			if diff := cmp.Diff([]report.Traffic{tt.want}, evaluate(twice).Traffic); diff != "" {
				t.Errorf("of two runs: -want +got:\n%s", diff)
			}
		})
	}
}

func TestSnapshotCosts(t *testing.T) {
	got := evaluate(checkpointed(3)).Costs[0]
	if got.Dumps != 3 || *got.DumpMS != 11 || *got.PauseMS != 14 || *got.RestoreMS != 30 || *got.StartMS != 50 ||
		*got.ImageBytes != 40e6 || got.ColdMS != nil || got.Paper.DumpMS != 85.6 {
		t.Errorf("got %+v", got)
	}
}

func TestPicksAndLineages(t *testing.T) {
	data := checkpointed(3) // restored at 0, 1, 2, checkpointed at 1, 2, 3
	data.Requests = []results.RequestRow{{Benchmark: "bfs", Strategy: request, Rate: 1, LineageRequestNumber: 2}}
	e := evaluate(data)
	want := []report.LineagePoint{
		{RequestNumber: 0, Restores: 1}, {RequestNumber: 1, Restores: 1, Checkpoints: 1},
		{RequestNumber: 2, Restores: 1, Checkpoints: 1, Requests: 1, MedianUS: 1000}, {RequestNumber: 3, Checkpoints: 1},
	}
	if diff := cmp.Diff(want, e.Lineages[0].Points); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if p := e.Picks[0]; p.Restores != 3 || p.RestoredAt.Median != 1 || p.CheckpointedAt.Median != 2 {
		t.Errorf("got %+v", p)
	}
}

func TestFixedSweep(t *testing.T) {
	data := latencies("bfs", cold, 900)
	for strategy, us := range map[string]int64{report.Baseline: 800, "fixed&request_to_checkpoint=20": 300,
		"fixed&request_to_checkpoint=5": 500, "fixed&request_to_checkpoint=none": 1, request: 400} {
		data.Add(latencies("bfs", strategy, us))
	}
	data.Add(latencies("mst", report.Baseline, 1)) // one k is no sweep
	want := []report.Sweep{{Benchmark: "bfs", Rate: 1, ColdUS: new(900.0), PolicyUS: new(400.0),
		Points: []report.SweepPoint{{1, 800, 1}, {5, 500, 1}, {20, 300, 1}}}}
	if diff := cmp.Diff(want, evaluate(data).Sweeps); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestThePolicyThatTablesAreAbout(t *testing.T) {
	tests := map[string]struct {
		strategies []string
		want       string
	}{
		"the published form":   {[]string{"adaptive", "request_centric", report.PublishedPolicy, cold}, report.PublishedPolicy},
		"what is most like it": {[]string{"adaptive", "request_centric&p=0.2", cold}, "request_centric&p=0.2"},
		"another policy":       {[]string{"adaptive", report.Baseline}, "adaptive"},
		"none":                 {[]string{cold, report.Baseline}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var data results.Data
			for _, s := range tt.strategies {
				data.Add(latencies("bfs", s, 1))
			}
			if got := evaluate(data).Policy; got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// The artifact counts requests from 1: lifetimes are to begin there, too.
func TestLifetimesOfTheArtifactsRows(t *testing.T) {
	from := func(first int) report.Change {
		var data results.Data
		for i := range 40 {
			data.Rows = append(data.Rows,
				results.Row{RequestNumber: first + i, Benchmark: "bfs", Strategy: report.Baseline, Rate: 4, ClientUS: 1000},
				results.Row{RequestNumber: first + i, Benchmark: "bfs", Strategy: request, Rate: 4, ClientUS: int64(500 + 100*(i/4))})
		}
		return *summarise(data)[request].Change
	}
	if diff := cmp.Diff(from(0), from(1)); diff != "" {
		t.Errorf("counted from 0, from 1:\n%s", diff)
	}
}

func TestRequestsThatStandTwice(t *testing.T) {
	data := latencies("bfs", cold, 1, 2, 3)
	data.Add(latencies("bfs", cold, 4))
	got := evaluate(data).Problems
	if len(got) != 1 || got[0] != "bfs at rate 1 with cold: 1 requests stand twice, and count as often" {
		t.Errorf("got %q", got)
	}
}
