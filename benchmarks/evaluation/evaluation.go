// Package evaluation plans and runs the whole evaluation: repetitions of all
// functions, the JVM functions on two CPUs as a variant, and the sweep of fixed
// snapshots, as many requests of each function as fit into a time budget. Every
// part is a run of package harness, with results where package results looks
// for them. docs/benchmarks.md is the guide.
package evaluation

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/pronghorn-faas/pronghorn/benchmarks/harness"
)

// Languages of functions, as harness.Function has them.
const (
	python = "python"
	java   = "java"
)

// Settings say what the evaluation consists of.
type Settings struct {
	// Base is what all runs have in common. Its Functions, More, Seed, Out, Work
	// and the like are filled in for each.
	Base harness.Config
	// Functions are those to run.
	Functions []harness.Function
	// Pause is that of a language.
	Pause map[string]time.Duration
	// Repetitions is the number of runs of everything.
	Repetitions int
	// Sweep are functions of which all K of SweepAt are run as fixed strategies,
	// at SweepRates; nil = all rates.
	Sweep      []string
	SweepAt    []int
	SweepRates []int
	// TwoCPUs repeats the JVM functions in workers of two CPUs.
	TwoCPUs bool
	// Data is the directory of the results.
	Data string

	// Budget is how long all may take; 0 = as long as it takes for the Requests
	// of Base, which otherwise are the most that a configuration is sent.
	Budget time.Duration
	// Least is the fewest requests of a configuration.
	Least int
	// ByRate lets a budget choose for each rate by itself; otherwise, a function
	// has the same number of requests at all rates.
	ByRate bool
}

// requests are those of a configuration by function and rate.
type requests map[string]map[int]int

// Check says what is wrong with the settings.
func (s Settings) Check() error {
	switch {
	case len(s.Functions) == 0:
		return errors.New("no functions given, want one or more")
	case s.Repetitions < 1:
		return fmt.Errorf("repetitions %d: want 1 or more", s.Repetitions)
	case s.Budget < 0:
		return fmt.Errorf("budget %s: want a time such as 60m", s.Budget)
	case s.Budget > 0 && (s.Least < 1 || s.Least > s.Base.Requests):
		return fmt.Errorf("least %d: want at least 1 request, and at most the %d of --requests", s.Least, s.Base.Requests)
	}
	for _, name := range s.Sweep {
		if !slices.ContainsFunc(s.Functions, func(f harness.Function) bool { return f.Name == name }) {
			return fmt.Errorf("sweep: function %q is not run", name)
		}
	}
	for _, run := range s.runs(nil) {
		if err := run.Check(); err != nil {
			return err
		}
	}
	return nil
}

// runs are the runs of the harness, with so many requests of a configuration
// of each function; nil = those of Base. A repetition is complete before the
// next begins, so that an evaluation that is cut short has whole ones.
func (s Settings) runs(n requests) []harness.Config {
	var all []harness.Config
	for i := 1; i <= s.Repetitions; i++ {
		for _, language := range []string{python, java} {
			all = s.add(all, s.run(language, "", i, n))
		}
		if s.TwoCPUs {
			two := s.run(java, "variant-2cpus", i, s.half(n))
			two.WorkerCPUs, two.More = 2, nil
			all = s.add(all, two)
		}
	}
	return all
}

// half of the requests that a budget comes to is for the variant, but not fewer
// than the least.
func (s Settings) half(n requests) requests {
	some := make(requests)
	for name, rates := range n {
		for rate, all := range rates {
			put(some, name, rate, max(min(all, s.Least), all/2))
		}
	}
	return some
}

// add leaves out a run of no functions.
func (s Settings) add(all []harness.Config, run harness.Config) []harness.Config {
	if len(run.Functions) == 0 {
		return all
	}
	return append(all, run)
}

// run is repetition i of the functions of a language, in a variant or in none.
func (s Settings) run(language, variant string, i int, n requests) harness.Config {
	c := s.Base
	dir := filepath.Join(s.Data, variant, "run-"+strconv.Itoa(i))
	c.Out = filepath.Join(dir, language+"-evaluation.csv")
	c.Work = filepath.Join(dir, language+"-evaluation.work")
	c.Assembled = filepath.Join(s.Data, variant, "functions")
	c.Functions, c.Pause, c.Seed = s.namesOf(language), s.Pause[language], s.Base.Seed+uint64(i)-1
	c.GCTime = true
	for _, name := range c.Functions {
		if slices.Contains(s.Sweep, name) {
			c.More, c.MoreRates = with(c.More, name, s.sweepStrategies()), s.SweepRates
		}
		if rates, ok := n[name]; ok {
			c.RequestsOf = with(c.RequestsOf, name, rates)
		}
	}
	return c
}

func put(n requests, name string, rate, count int) {
	if n[name] == nil {
		n[name] = make(map[int]int)
	}
	n[name][rate] = count
}

func with[T any](m map[string]T, key string, value T) map[string]T {
	if m == nil {
		m = make(map[string]T)
	}
	m[key] = value
	return m
}

func (s Settings) namesOf(language string) []string {
	var names []string
	for _, f := range s.Functions {
		if f.Language == language {
			names = append(names, f.Name)
		}
	}
	return names
}

// sweepStrategies are those that are not run anyway.
func (s Settings) sweepStrategies() []string {
	var more []string
	for _, k := range s.SweepAt {
		if spec := "fixed&request_to_checkpoint=" + strconv.Itoa(k); !slices.Contains(s.Base.Strategies, spec) {
			more = append(more, spec)
		}
	}
	return more
}
