package main

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pronghorn-faas/pronghorn/benchmarks/harness"
	"github.com/pronghorn-faas/pronghorn/benchmarks/report"
)

// benchOptions are the flags of "pronghorn bench".
type benchOptions struct {
	functions, strategies []string
	rates                 []int
	requests, cpu         int
	pause, settle         time.Duration
	mutability            float64
	seed                  uint64
	fresh, keepRandom     bool
	nodeCache             bool
	out, data, work, pool string
	watchdog, benchmarks  string
	gatewayOptions
	evaluationOptions
}

func (o *benchOptions) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringSliceVar(&o.functions, "functions", nil, "functions to run (default: those of the test) [$FUNCTIONS]")
	f.StringSliceVar(&o.strategies, "strategies", []string{"cold", report.Baseline, "request_centric&max_capacity=12"}, "strategy specs [$STRATEGIES]")
	f.IntSliceVar(&o.rates, "rates", []int{20, 4, 1}, "eviction rates, in requests per lifetime [$RATES]")
	f.IntVar(&o.requests, "requests", 0, "requests of each configuration (default: those of the test) [$REQUESTS]")
	f.DurationVar(&o.pause, "pause", 0, "pause between requests (default: that of the test)")
	f.DurationVar(&o.settle, "settle", 5*time.Second, "longest further wait for a checkpoint to be uploaded; 0 = none, as in the published evaluation")
	f.Float64Var(&o.mutability, "mutability", 1, "variance of the workload, as a factor")
	f.Uint64Var(&o.seed, "seed", 1, "seed of the order and of the strategies' draws")
	f.BoolVar(&o.keepRandom, "keep-random", false, "let all restores of a snapshot get the same inputs, as the published evaluation does")
	f.BoolVar(&o.nodeCache, "node-cache", true, "give workers a cache of the node, as deploy.sh --node-cache does; =false: every start is on a node that has nothing")
	f.StringVar(&o.out, "out", "", "file of the results (default: DATA/LANGUAGE-TEST.csv)")
	f.StringVar(&o.data, "data", "data", "directory of the results")
	f.StringVar(&o.work, "work", "", "directory for the state of the run (default: the results' name with .work)")
	f.StringVar(&o.pool, "pool", "", "snapshot pool, s3://…, on this machine's loopback (default: directories in --work)")
	f.BoolVar(&o.fresh, "fresh", false, "remove the results of an earlier run and start over")
	f.IntVar(&o.cpu, "cpu", -1, "CPU of the workers (default: the last one)")
	f.StringVar(&o.watchdog, "watchdog", besideExecutable("fwatchdog"), "the fwatchdog program")
	f.StringVar(&o.benchmarks, "benchmarks", besideExecutable("../benchmarks"), "directory of the functions")
	o.gatewayOptions.addFlags(f)
	o.evaluationOptions.addFlags(f)
}

// besideExecutable is a path relative to this program.
func besideExecutable(name string) string {
	self, err := os.Executable()
	if err != nil {
		return name
	}
	return filepath.Join(filepath.Dir(self), name)
}

// preset is a test of the artifact.
type preset struct {
	name      string   // "custom" if the flags say it all
	languages []string // of its functions
	functions []string // nil = all of the languages
	requests  int
	pause     map[string]time.Duration // by language
}

// presetEvaluation is the name of the test that is an evaluation.
const presetEvaluation = "evaluation"

// Requests of a configuration of the artifact's tests, and of the short one.
const (
	usualRequests = 500
	basicRequests = 220
)

// basicPause is shorter than the artifact's 200 ms; what takes longer, the
// start of a worker and the upload of a snapshot, is not measured anyway.
const basicPause = 50 * time.Millisecond

// parsePreset reads the arguments of "pronghorn bench".
func parsePreset(args []string) (preset, error) {
	p := preset{
		name: "custom", languages: []string{"python", "java"}, requests: usualRequests,
		pause: map[string]time.Duration{"python": 200 * time.Millisecond, "java": 100 * time.Millisecond},
	}
	switch call := strings.Join(args, " "); call {
	case "":
	case "basic":
		p.name, p.functions, p.requests = call, []string{"bfs"}, basicRequests
		p.pause = map[string]time.Duration{"python": basicPause, "java": basicPause}
	case presetEvaluation:
		p.name = call
	case "suite pypy":
		p.name, p.languages = "suite", []string{"python"}
	case "suite jvm":
		p.name, p.languages = "suite", []string{"java"}
	default:
		return p, usagef("test %q: want basic, suite pypy, suite jvm or evaluation", call)
	}
	return p, nil
}

// complete adds what neither a flag nor the environment says. Flags come
// before the environment.
func (o *benchOptions) complete(p preset, changed func(flag string) bool, getenv func(string) string) error {
	if err := refuseOutside(p, changed); err != nil {
		return err
	}
	if err := o.fromEnvironment(changed, getenv); err != nil {
		return err
	}
	if err := o.gatewayOptions.complete(changed); err != nil {
		return err
	}
	if o.requests == 0 && !changed("requests") && getenv("REQUESTS") == "" {
		o.requests = p.requests
	}
	if len(o.functions) == 0 {
		o.functions = p.functions
	}
	if p.name == "custom" && len(o.functions) == 0 {
		return usagef("nothing to run: want basic, suite pypy, suite jvm or evaluation, or --functions")
	}
	if !changed("pause") {
		o.pause = -1 // by language
	} else if o.pause < 0 {
		return usagef("--pause %s: want 0 or more", o.pause)
	}
	var err error
	if o.watchdog, err = filepath.Abs(o.watchdog); err != nil {
		return err
	}
	return nil
}

func (o *benchOptions) fromEnvironment(changed func(flag string) bool, getenv func(string) string) error {
	value := func(flag, variable string) string {
		if changed(flag) {
			return ""
		}
		return getenv(variable)
	}
	if v := words(value("functions", "FUNCTIONS")); len(v) > 0 {
		o.functions = v
	}
	if v := words(value("strategies", "STRATEGIES")); len(v) > 0 {
		o.strategies = v
	}
	if v := words(value("rates", "RATES")); len(v) > 0 {
		o.rates = nil
		for _, word := range v {
			n, err := strconv.Atoi(word)
			if err != nil {
				return usagef("RATES: %q: want numbers of requests, such as 20,4,1", word)
			}
			o.rates = append(o.rates, n)
		}
	}
	if v := value("requests", "REQUESTS"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			return usagef("REQUESTS %q: want a number of 1 or more", v)
		}
		o.requests = n
	}
	return o.evaluationOptions.fromEnvironment(value)
}

// words splits a list at spaces and commas.
func words(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' })
}

// jobs are the runs that are asked for, one for each language.
func (o benchOptions) jobs(p preset, all []harness.Function) ([]harness.Config, error) {
	byLanguage, err := o.choose(p, all)
	if err != nil {
		return nil, err
	}
	var jobs []harness.Config
	for _, language := range p.languages {
		if functions := byLanguage[language]; len(functions) > 0 {
			jobs = append(jobs, o.job(p, language, functions))
		}
	}
	switch {
	case len(jobs) == 0:
		return nil, usagef("there are no functions in %s for this test", o.benchmarks)
	case len(jobs) > 1 && (o.out != "" || o.work != ""):
		return nil, usagef("--out and --work: the functions are of two languages, whose results go to two files: want --data, or functions of one language")
	}
	return jobs, nil
}

// choose returns the functions to run by language.
func (o benchOptions) choose(p preset, all []harness.Function) (map[string][]string, error) {
	chosen := make(map[string][]string)
	var valid []string
	for _, f := range all {
		if !slices.Contains(p.languages, f.Language) {
			continue
		}
		valid = append(valid, f.Name)
		if len(o.functions) == 0 || slices.Contains(o.functions, f.Name) {
			chosen[f.Language] = append(chosen[f.Language], f.Name)
		}
	}
	for _, name := range o.functions {
		if !slices.Contains(valid, name) {
			return nil, usagef("function %q: want one of %s", name, strings.Join(valid, ", "))
		}
	}
	return chosen, nil
}

// pauseOf is the pause that was asked for, or that of the language.
func (o benchOptions) pauseOf(p preset, language string) time.Duration {
	if o.pause < 0 {
		return p.pause[language]
	}
	return o.pause
}

func (o benchOptions) job(p preset, language string, functions []string) harness.Config {
	out, work := o.out, o.work
	if out == "" {
		out = filepath.Join(o.data, language+"-"+p.name+".csv")
	}
	if work == "" {
		work = strings.TrimSuffix(out, filepath.Ext(out)) + ".work"
	}
	settle := o.settle
	if o.url != "" {
		settle = 0 // nobody here knows of checkpoints
	}
	return harness.Config{
		Functions: functions, Strategies: o.strategies, Rates: o.rates, Requests: o.requests,
		Pause: o.pauseOf(p, language), Settle: settle, Mutability: o.mutability, Seed: o.seed, KeepRandom: o.keepRandom, NodeCache: o.nodeCache && o.url == "", CPU: o.cpu,
		Gateway: o.gateway(), Out: out, Work: work, Pool: o.pool, Fresh: o.fresh, Watchdog: o.watchdog, Benchmarks: o.benchmarks,
	}
}
