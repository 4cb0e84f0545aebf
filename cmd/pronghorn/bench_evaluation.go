package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/pronghorn-faas/pronghorn/benchmarks/evaluation"
	"github.com/pronghorn-faas/pronghorn/benchmarks/harness"
)

// evaluationOptions are the flags of "pronghorn bench evaluation" alone.
type evaluationOptions struct {
	budget      time.Duration
	least       int
	repetitions int
	sweep       []string
	sweepAt     []int
	sweepRates  []int
	byRate      bool
	twoCPUs     bool
	report      string
}

func (o *evaluationOptions) addFlags(f *pflag.FlagSet) {
	f.DurationVar(&o.budget, "budget", 0, "evaluation: how long it may take, such as 60m: as many requests of each function as fit [$BUDGET]")
	f.IntVar(&o.least, "least", 60, "evaluation: fewest requests of a configuration that a budget may come to")
	f.IntVar(&o.repetitions, "repetitions", 1, "evaluation: runs of everything, with seeds from --seed on [$REPETITIONS]")
	f.StringSliceVar(&o.sweep, "sweep", []string{"bfs", "simple-hash"}, "evaluation: functions of which fixed snapshots are compared, or none [$SWEEP]")
	f.IntSliceVar(&o.sweepAt, "sweep-at", []int{1, 2, 5, 10, 20, 50, 100}, "evaluation: request numbers of these snapshots")
	f.IntSliceVar(&o.sweepRates, "sweep-rates", []int{4}, "evaluation: rates at which they are compared")
	f.BoolVar(&o.byRate, "by-rate", false, "evaluation: let a budget choose the requests of each rate by itself: more at high rates, where they are cheap")
	f.BoolVar(&o.twoCPUs, "two-cpus", true, "evaluation: run the JVM functions in workers of two CPUs as well, where there are two")
	f.StringVar(&o.report, "report", defaultSite, "evaluation: directory of the report")
}

// ownFlags are those of evaluationOptions.
func ownFlags() []string {
	var o evaluationOptions
	var names []string
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	o.addFlags(f)
	f.VisitAll(func(flag *pflag.Flag) { names = append(names, flag.Name) })
	return names
}

// refuseOutside wants the flags of an evaluation with an evaluation only.
func refuseOutside(p preset, changed func(flag string) bool) error {
	if p.name == presetEvaluation {
		return nil
	}
	for _, name := range ownFlags() {
		if changed(name) {
			return usagef("--%s: only an evaluation has it: want pronghorn bench evaluation", name)
		}
	}
	return nil
}

func (o *evaluationOptions) fromEnvironment(value func(flag, variable string) string) error {
	if v := value("budget", "BUDGET"); v != "" {
		d, err := time.ParseDuration(v)
		if err != nil {
			return usagef("BUDGET %q: want a time such as 60m", v)
		}
		o.budget = d
	}
	if v := value("repetitions", "REPETITIONS"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			return usagef("REPETITIONS %q: want a number of 1 or more", v)
		}
		o.repetitions = n
	}
	if v := words(value("sweep", "SWEEP")); len(v) > 0 {
		o.sweep = v
	}
	return nil
}

// sweepOf are the functions of the sweep that are run. Of the usual ones,
// those that are not run are left out silently.
func (o evaluationOptions) sweepOf(functions []harness.Function, asked bool) []string {
	if slices.Equal(o.sweep, []string{"none"}) {
		return nil
	}
	var some []string
	for _, name := range o.sweep {
		if asked || slices.ContainsFunc(functions, func(f harness.Function) bool { return f.Name == name }) {
			some = append(some, name)
		}
	}
	return some
}

// budgetPause is shorter for PyPy than the artifact's, which most requests
// would spend most of their time with: it has nothing to do between requests.
// The JVM compiles meanwhile, and has the artifact's.
const budgetPause = 20 * time.Millisecond

// settings are those of the evaluation that the flags ask for.
func (o benchOptions) settings(p preset, all []harness.Function, asked bool) (evaluation.Settings, error) {
	chosen, err := o.choose(p, all)
	if err != nil {
		return evaluation.Settings{}, err
	}
	if o.out != "" || o.work != "" {
		return evaluation.Settings{}, usagef("--out and --work: an evaluation has many files: want --data")
	}
	s := evaluation.Settings{
		Base: o.job(p, "python", nil), Pause: map[string]time.Duration{}, Repetitions: o.repetitions, SweepAt: o.sweepAt, SweepRates: o.sweepRates, ByRate: o.byRate,
		TwoCPUs: o.twoCPUs && harness.CPUs() > 1, Data: o.data, Budget: o.budget, Least: o.least,
	}
	for _, language := range p.languages {
		for _, name := range chosen[language] {
			s.Functions = append(s.Functions, harness.Function{Name: name, Language: language})
		}
		s.Pause[language] = o.pauseOf(p, language)
	}
	if o.budget > 0 && o.pause < 0 {
		s.Pause["python"] = min(s.Pause["python"], budgetPause)
	}
	s.Sweep = o.sweepOf(s.Functions, asked)
	return s, nil
}

// terminalWidth is 0 for what is no terminal.
func terminalWidth(w io.Writer) int {
	if !isTerminal(w) {
		return 0
	}
	const usual = 80
	width, _, err := term.GetSize(int(w.(*os.File).Fd()))
	if err != nil || width < 1 {
		return usual
	}
	return width
}

// runEvaluation runs everything and writes the report of all that there is,
// also when requests have failed.
func runEvaluation(ctx context.Context, stdout, stderr io.Writer, s evaluation.Settings, site string) error {
	failed := evaluation.Run(ctx, s, stderr, terminalWidth(stderr))
	if failed != nil && !errors.Is(failed, harness.ErrFailedRequests) {
		return failed
	}
	return errors.Join(failed, runReport(stdout, stderr, []string{filepath.Clean(s.Data)}, reportOptions{output: site, seed: 1}))
}
