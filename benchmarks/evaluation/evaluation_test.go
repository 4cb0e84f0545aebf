package evaluation

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/benchmarks/harness"
	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

// good are settings with which nothing is wrong.
func good(t *testing.T) Settings {
	t.Helper()
	watchdog := filepath.Join(t.TempDir(), "fwatchdog")
	if err := os.WriteFile(watchdog, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	return Settings{
		Base: harness.Config{
			Strategies: []string{"cold", "fixed&request_to_checkpoint=1", "request_centric&max_capacity=12"}, Rates: []int{1, 4, 20},
			Requests: 500, Mutability: 1, Seed: 7, Watchdog: watchdog, Benchmarks: "..",
		},
		Functions: []harness.Function{{Name: "bfs", Language: python}, {Name: "mst", Language: python}, {Name: "simple-hash", Language: java}},
		Pause:     map[string]time.Duration{python: 50 * time.Millisecond, java: 100 * time.Millisecond}, Repetitions: 2,
		Sweep: []string{"bfs"}, SweepAt: []int{1, 5, 20}, TwoCPUs: true, Data: "data", Least: 60,
	}
}

func TestRunsOfAnEvaluation(t *testing.T) {
	s := good(t)
	type run struct {
		Out       string
		Functions []string
		Seed      uint64
		CPUs      int
		Requests  map[string]map[int]int
		More      map[string][]string
	}
	var got []run
	for _, c := range s.runs(requests{"bfs": {1: 100}, "mst": {1: 80}, "simple-hash": {1: 200, 4: 70}}) {
		got = append(got, run{c.Out, c.Functions, c.Seed, c.WorkerCPUs, c.RequestsOf, c.More})
		if !c.GCTime || c.Pause != s.Pause[strings.Split(filepath.Base(c.Out), "-")[0]] {
			t.Errorf("%s: GC time %v, pause %s", c.Out, c.GCTime, c.Pause)
		}
	}
	graphs, hash := []string{"bfs", "mst"}, []string{"simple-hash"}
	// k = 1 is run anyway.
	sweep := map[string][]string{"bfs": {"fixed&request_to_checkpoint=5", "fixed&request_to_checkpoint=20"}}
	pypy, jvm := map[string]map[int]int{"bfs": {1: 100}, "mst": {1: 80}}, map[string]map[int]int{"simple-hash": {1: 200, 4: 70}}
	half := map[string]map[int]int{"simple-hash": {1: 100, 4: 60}} // not below the least
	want := []run{
		{"data/run-1/python-evaluation.csv", graphs, 7, 0, pypy, sweep},
		{"data/run-1/java-evaluation.csv", hash, 7, 0, jvm, nil},
		{"data/variant-2cpus/run-1/java-evaluation.csv", hash, 7, 2, half, nil},
		{"data/run-2/python-evaluation.csv", graphs, 8, 0, pypy, sweep},
		{"data/run-2/java-evaluation.csv", hash, 8, 0, jvm, nil},
		{"data/variant-2cpus/run-2/java-evaluation.csv", hash, 8, 2, half, nil},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
}

// The report finds variants and repetitions by the directories they are in.
func TestRunsAreWhereTheReportLooks(t *testing.T) {
	var got []string
	for _, c := range good(t).runs(nil) {
		source := results.SourceOf(c.Out)
		got = append(got, source.Variant+" "+source.Run)
	}
	want := []string{" run-1", " run-1", "2cpus run-1", " run-2", " run-2", "2cpus run-2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("variants and runs (-want +got):\n%s", diff)
	}
}

func TestRunsOfNoFunctionsAreLeftOut(t *testing.T) {
	s := good(t)
	s.Functions = s.Functions[:1]
	if runs := s.runs(nil); len(runs) != 2 {
		t.Errorf("%d runs, want the two of bfs", len(runs))
	}
}

func TestSettingsAreChecked(t *testing.T) {
	tests := map[string]struct {
		change func(*Settings)
		want   string // "" = nothing is wrong
	}{
		"good ones":                 {func(*Settings) {}, ""},
		"a budget":                  {func(s *Settings) { s.Budget = time.Hour }, ""},
		"no functions":              {func(s *Settings) { s.Functions = nil }, "no functions"},
		"no repetition":             {func(s *Settings) { s.Repetitions = 0 }, "repetitions 0"},
		"a negative budget":         {func(s *Settings) { s.Budget = -1 }, "budget -1ns"},
		"more than the most":        {func(s *Settings) { s.Budget, s.Least = time.Hour, 501 }, "least 501"},
		"a sweep of another":        {func(s *Settings) { s.Sweep = []string{"dfs"} }, `function "dfs" is not run`},
		"a sweep at nothing":        {func(s *Settings) { s.SweepAt = []int{0} }, "request_to_checkpoint"},
		"a strategy that is wrong":  {func(s *Settings) { s.Base.Strategies = []string{"tepid"} }, `"tepid"`},
		"the same of a sweep twice": {func(s *Settings) { s.SweepAt = []int{5, 5} }, "given twice"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := good(t)
			tt.change(&s)
			err := s.Check()
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

// costs are those of two fast functions and a slow one.
func costs() map[string]Cost {
	lifetimes := func(d time.Duration) map[string]time.Duration {
		return map[string]time.Duration{"cold": 2 * d, "fixed&request_to_checkpoint=1": d, "request_centric&max_capacity=12": 3 * d}
	}
	return map[string]Cost{
		"bfs":         {time.Second, 60 * time.Millisecond, lifetimes(200 * time.Millisecond)},
		"mst":         {time.Second, time.Second, lifetimes(time.Second)},
		"simple-hash": {time.Second, 100 * time.Millisecond, lifetimes(100 * time.Millisecond)},
	}
}

func TestRequestsFitTheBudget(t *testing.T) {
	for _, budget := range []time.Duration{70 * time.Minute, 2 * time.Hour, 24 * time.Hour} {
		for _, byRate := range []bool{false, true} {
			s := good(t)
			s.ByRate = byRate
			n, err := s.fit(costs(), budget)
			if err != nil {
				t.Fatal(err)
			}
			var total time.Duration
			for _, took := range cost(s.runs(n), costs()) {
				total += took
			}
			for name, rates := range n {
				for rate, count := range rates {
					if count < 60 || count > 500 {
						t.Errorf("%s: %s at rate %d: %d requests, want 60 to 500", budget, name, rate, count)
					}
				}
				if !byRate && (rates[1] != rates[4] || rates[4] != rates[20]) || rates[1] > rates[20] {
					t.Errorf("%s, by rate %v: %s has %v", budget, byRate, name, rates)
				}
			}
			if total > budget || total < budget*19/20 && n["mst"][1] < 500 {
				t.Errorf("%s: %v takes %s", budget, n, total)
			}
			if n["mst"][1] > n["bfs"][1] {
				t.Errorf("%s: the slower function has more requests: %v", budget, n)
			}
		}
	}
}

func TestBudgetThatIsTooShort(t *testing.T) {
	_, err := good(t).fit(costs(), time.Minute)
	if err == nil || !strings.Contains(err.Error(), "60 requests of each configuration take about") {
		t.Errorf("error %v, want one that says what it takes", err)
	}
}

// The choice has to be the same when the evaluation goes on.
func TestChoiceIsRepeatable(t *testing.T) {
	a, _ := good(t).fit(costs(), 2*time.Hour)
	for range 5 {
		if b, _ := good(t).fit(costs(), 2*time.Hour); !cmp.Equal(a, b) {
			t.Fatalf("%v, then %v", a, b)
		}
	}
}

func TestCostCountsEveryRunAndStep(t *testing.T) {
	s := good(t)
	s.Base.Rates, s.Base.Requests, s.Sweep = []int{4}, 40, nil
	c := Cost{Stage: time.Second, Request: 100 * time.Millisecond, Lifetime: map[string]time.Duration{"cold": 400 * time.Millisecond}}
	got := cost(s.runs(nil), map[string]Cost{"bfs": c, "mst": c, "simple-hash": c})
	// There and back, a block of 3 strategies is 5 steps. A request is 100 ms
	// and a quarter of a lifetime. All is run twice, and the JVM in two variants.
	pypy := 2 * (5*time.Second + 3*40*200*time.Millisecond)
	if diff := cmp.Diff(map[string]time.Duration{"bfs": pypy, "mst": pypy, "simple-hash": 2 * pypy}, got); diff != "" {
		t.Errorf("costs (-want +got):\n%s", diff)
	}
}

func TestSweepIsRunAtItsRates(t *testing.T) {
	s := good(t)
	s.SweepRates = []int{4}
	rates := map[int]int{}
	for _, step := range s.runs(nil)[0].Steps() {
		if step.Strategy == "fixed&request_to_checkpoint=20" && step.Until == s.Base.Requests {
			rates[step.Rate]++
		}
	}
	if diff := cmp.Diff(map[int]int{4: 1}, rates); diff != "" {
		t.Errorf("rates of the sweep (-want +got):\n%s", diff)
	}
}

func TestCostOfWhatWasSeen(t *testing.T) {
	ms := func(all ...int) (list []time.Duration) {
		for _, n := range all {
			list = append(list, time.Duration(n)*time.Millisecond)
		}
		return list
	}
	got := costOf([]measured{
		{harness.Configuration{Strategy: "cold"}, 1510 * time.Millisecond, ms(500, 900, 510), ms(20, 20, 20, 900)},
		{harness.Configuration{Strategy: "fixed"}, 3 * time.Second, ms(300, 250, 310), ms(10, 20, 20, 20)},
		{harness.Configuration{Strategy: "none"}, 2 * time.Second, nil, nil},
	}, 50*time.Millisecond)
	want := Cost{
		Stage: 2 * time.Second, Request: 70 * time.Millisecond,
		Lifetime: map[string]time.Duration{"cold": 440 * time.Millisecond, "fixed": 230 * time.Millisecond, "none": 0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cost (-want +got):\n%s", diff)
	}
	if sweep := got.lifetime("fixed&request_to_checkpoint=5"); sweep != 670*time.Millisecond/3 {
		t.Errorf("a strategy that was not measured has lifetimes of %s, want the mean of the others", sweep)
	}
}

func TestCalibrationIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "calibration.json")
	empty, err := readCalibration(path)
	if err != nil || len(empty.Costs) != 0 {
		t.Fatalf("%v, %v: want an empty one where there is none", empty, err)
	}
	want := calibration{Took: time.Minute, Costs: map[string]Cost{"bfs": {time.Second, time.Millisecond, map[string]time.Duration{"cold": 5}}}}
	if err := writeCalibration(path, want); err != nil {
		t.Fatal(err)
	}
	got, err := readCalibration(path)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if err := os.WriteFile(path, []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := readCalibration(path); err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Errorf("error %v, want one that says what to do", err)
	}
}
