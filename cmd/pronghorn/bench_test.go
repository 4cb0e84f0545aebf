package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/benchmarks/harness"
)

func benchFunctions() []harness.Function {
	return []harness.Function{{Name: "bfs", Language: "python"}, {Name: "mst", Language: "python"}, {Name: "simple-hash", Language: "java"}}
}

// planned is what TestBenchJobs looks at of a job.
type planned struct {
	Out, Work  string
	Functions  []string
	Strategies int
	Rates      []int
	Requests   int
	Pause      time.Duration
}

func TestBenchJobs(t *testing.T) {
	tests := map[string]struct {
		args  []string
		env   map[string]string
		flags map[string]string
		want  []planned
	}{
		"basic is bfs": {
			args: []string{"basic"},
			want: []planned{{"data/python-basic.csv", "data/python-basic.work", []string{"bfs"}, 3, []int{20, 4, 1}, 220, 50 * time.Millisecond}},
		},
		"a suite is all of a language": {
			args: []string{"suite", "pypy"},
			want: []planned{{"data/python-suite.csv", "data/python-suite.work", []string{"bfs", "mst"}, 3, []int{20, 4, 1}, 500, 200 * time.Millisecond}},
		},
		"the environment overrides the test": {
			args: []string{"suite", "jvm"},
			env:  map[string]string{"REQUESTS": "40", "RATES": "4, 1", "STRATEGIES": "cold fixed&request_to_checkpoint=1", "FUNCTIONS": "simple-hash"},
			want: []planned{{"data/java-suite.csv", "data/java-suite.work", []string{"simple-hash"}, 2, []int{4, 1}, 40, 100 * time.Millisecond}},
		},
		"flags override the environment": {
			env:   map[string]string{"REQUESTS": "many", "FUNCTIONS": "bfs"},
			flags: map[string]string{"requests": "7", "functions": "mst", "out": "x/y.csv", "pause": "0s"},
			want:  []planned{{"x/y.csv", "x/y.work", []string{"mst"}, 3, []int{20, 4, 1}, 7, 0}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			jobs, err := planJobs(t, tt.args, tt.env, tt.flags)
			if err != nil {
				t.Fatal(err)
			}
			var got []planned
			for _, j := range jobs {
				got = append(got, planned{j.Out, j.Work, j.Functions, len(j.Strategies), j.Rates, j.Requests, j.Pause})
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("jobs (-want +got):\n%s", diff)
			}
		})
	}
}

// evaluated is what TestBenchEvaluation looks at of settings.
type evaluated struct {
	Functions, Sweep   []string
	Requests, Least    int
	Repetitions        int
	Budget, PyPy, JVM  time.Duration
	Strategies, Report string
}

func TestBenchEvaluation(t *testing.T) {
	strategies := "cold fixed&request_to_checkpoint=1 request_centric&max_capacity=12"
	all := []string{"bfs", "mst", "simple-hash"}
	tests := map[string]struct {
		env, flags map[string]string
		want       evaluated
	}{
		"by itself it is as the paper's": {
			want: evaluated{all, []string{"bfs", "simple-hash"}, 500, 60, 1, 0, 200 * time.Millisecond, 100 * time.Millisecond, strategies, "report"},
		},
		"with a budget, PyPy pauses less": {
			env:  map[string]string{"BUDGET": "60m", "REPETITIONS": "3", "SWEEP": "mst"},
			want: evaluated{all, []string{"mst"}, 500, 60, 3, time.Hour, 20 * time.Millisecond, 100 * time.Millisecond, strategies, "report"},
		},
		"flags override the environment": {
			env:   map[string]string{"BUDGET": "forever", "REPETITIONS": "x", "SWEEP": "mst"},
			flags: map[string]string{"budget": "90s", "repetitions": "2", "sweep": "none", "least": "5", "pause": "200ms", "report": "r"},
			want:  evaluated{all, nil, 500, 5, 2, 90 * time.Second, 200 * time.Millisecond, 200 * time.Millisecond, strategies, "r"},
		},
		"the usual sweep is of what is run": {
			env:  map[string]string{"FUNCTIONS": "bfs mst", "REQUESTS": "40"},
			want: evaluated{all[:2], []string{"bfs"}, 40, 60, 1, 0, 200 * time.Millisecond, 100 * time.Millisecond, strategies, "report"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o, p, changed, err := completed(t, []string{"evaluation"}, tt.env, tt.flags)
			if err != nil {
				t.Fatal(err)
			}
			s, err := o.settings(p, benchFunctions(), changed("sweep") || tt.env["SWEEP"] != "")
			if err != nil {
				t.Fatal(err)
			}
			got := evaluated{
				nil, s.Sweep, s.Base.Requests, s.Least, s.Repetitions, s.Budget, s.Pause["python"], s.Pause["java"],
				strings.Join(s.Base.Strategies, " "), o.report,
			}
			for _, f := range s.Functions {
				got.Functions = append(got.Functions, f.Name)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

func planJobs(t *testing.T, args []string, env, flags map[string]string) ([]harness.Config, error) {
	t.Helper()
	o, p, _, err := completed(t, args, env, flags)
	if err != nil {
		return nil, err
	}
	return o.jobs(p, benchFunctions())
}

// completed are the options that a call comes to.
func completed(t *testing.T, args []string, env, flags map[string]string) (benchOptions, preset, func(string) bool, error) {
	t.Helper()
	var o benchOptions
	cmd := newBenchCommand()
	cmd.ResetFlags()
	o.addFlags(cmd)
	for name, value := range flags {
		if err := cmd.Flags().Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	p, err := parsePreset(args)
	if err != nil {
		return o, p, nil, err
	}
	err = o.complete(p, cmd.Flags().Changed, func(name string) string { return env[name] })
	return o, p, cmd.Flags().Changed, err
}

func TestBenchRefusals(t *testing.T) {
	tests := map[string]struct {
		args []string
		env  map[string]string
		want string
	}{
		"an unknown test":             {args: []string{"quick"}, want: `test "quick": want basic, suite pypy, suite jvm or evaluation`},
		"a suite of nothing":          {args: []string{"suite"}, want: `test "suite"`},
		"no test and no functions":    {want: "nothing to run"},
		"an unknown function":         {args: []string{"basic", "--functions", "bsf"}, want: `function "bsf": want one of`},
		"a function of another suite": {args: []string{"suite", "pypy", "--functions", "simple-hash"}, want: `function "simple-hash"`},
		"an unknown strategy":         {args: []string{"basic", "--strategies", "warm"}, want: `unknown name "warm"`},
		"a rate of 0":                 {args: []string{"basic", "--rates", "0"}, want: "rate 0"},
		"no requests":                 {args: []string{"basic", "--requests", "0"}, want: "requests 0"},
		"a negative pause":            {args: []string{"basic", "--pause", "-1s"}, want: "--pause -1s"},
		"a pool elsewhere":            {args: []string{"basic", "--pool", "s3://10.0.0.1:9000/b"}, want: `"10.0.0.1"`},
		"no watchdog":                 {args: []string{"basic", "--watchdog", "/no/such"}, want: `watchdog "/no/such"`},
		"no benchmarks":               {args: []string{"basic", "--benchmarks", "/no/such"}, want: `--benchmarks "/no/such"`},
		"bad REQUESTS":                {args: []string{"basic"}, env: map[string]string{"REQUESTS": "few"}, want: `REQUESTS "few"`},
		"bad RATES":                   {args: []string{"basic"}, env: map[string]string{"RATES": "20,x"}, want: `RATES: "x"`},
		"one file for two languages":  {args: []string{"--functions", "bfs,simple-hash", "--out", "x.csv"}, want: "--out and --work"},
		"one file for an evaluation":  {args: []string{"evaluation", "--out", "x.csv"}, want: "--out and --work"},
		"a budget for a suite":        {args: []string{"suite", "pypy", "--budget", "5m"}, want: "--budget: only an evaluation has it"},
		"no repetitions":              {args: []string{"evaluation", "--repetitions", "0"}, want: "repetitions 0"},
		"a sweep of nothing":          {args: []string{"evaluation", "--sweep", "bsf"}, want: `function "bsf" is not run`},
		"bad BUDGET":                  {args: []string{"evaluation"}, env: map[string]string{"BUDGET": "1 hour"}, want: `BUDGET "1 hour"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for _, variable := range []string{"FUNCTIONS", "STRATEGIES", "RATES", "REQUESTS", "BUDGET", "REPETITIONS", "SWEEP"} {
				t.Setenv(variable, tt.env[variable])
			}
			watchdog := filepath.Join(t.TempDir(), "fwatchdog")
			if err := os.WriteFile(watchdog, nil, 0o755); err != nil {
				t.Fatal(err)
			}
			args := append([]string{"bench", "--benchmarks", "../../benchmarks", "--watchdog", watchdog, "--data", t.TempDir()}, tt.args...)
			var out, errs bytes.Buffer
			code := run(t.Context(), args, strings.NewReader(""), &out, &errs)
			if code != exitUsage || !strings.Contains(errs.String(), tt.want) {
				t.Errorf("exit %d, %q; want %d with %q", code, errs.String(), exitUsage, tt.want)
			}
		})
	}
}
