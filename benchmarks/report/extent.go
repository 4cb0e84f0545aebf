package report

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pronghorn-faas/pronghorn/benchmarks/machine"
	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

// Extent is how much was measured of a function.
type Extent struct {
	Benchmark string `json:"benchmark"`
	// Rates, Strategies and Configurations count what was run, Runs the
	// repetitions.
	Rates          int `json:"rates"`
	Strategies     int `json:"strategies"`
	Configurations int `json:"configurations"`
	Runs           int `json:"runs"`
	// Least and Most bound the requests of a configuration in one run, and ByRate
	// are the most by rate.
	Least  int         `json:"requests_least"`
	Most   int         `json:"requests_most"`
	ByRate map[int]int `json:"requests_by_rate"`
	// Requests are those of all configurations and runs, Failed some of them.
	Requests int `json:"requests"`
	Failed   int `json:"failed"`
}

// extents counts what was measured of each function, in the order of summaries.
func extents(summaries []Summary) []Extent {
	var all []Extent
	rates, strategies := map[string]map[int]bool{}, map[string]map[string]bool{}
	for _, s := range summaries {
		i := slices.IndexFunc(all, func(e Extent) bool { return e.Benchmark == s.Benchmark })
		if i < 0 {
			i = len(all)
			all = append(all, Extent{Benchmark: s.Benchmark, Least: s.Requests / max(1, s.Runs), ByRate: make(map[int]int)})
			rates[s.Benchmark], strategies[s.Benchmark] = map[int]bool{}, map[string]bool{}
		}
		e, each := &all[i], s.Requests/max(1, s.Runs)
		e.Configurations, e.Runs = e.Configurations+1, max(e.Runs, s.Runs)
		e.Least, e.Most = min(e.Least, each), max(e.Most, each)
		e.ByRate[s.Rate] = max(e.ByRate[s.Rate], each)
		e.Requests, e.Failed = e.Requests+s.Requests, e.Failed+s.Failed
		rates[s.Benchmark][s.Rate], strategies[s.Benchmark][s.Strategy] = true, true
		e.Rates, e.Strategies = len(rates[s.Benchmark]), len(strategies[s.Benchmark])
	}
	return all
}

// byRate is such as "60 at 1, 200 at 20".
func (e Extent) byRate() string {
	var parts []string
	for _, rate := range slices.Sorted(maps.Keys(e.ByRate)) {
		parts = append(parts, fmt.Sprintf("%d at %d", e.ByRate[rate], rate))
	}
	return strings.Join(parts, ", ")
}

func (e Evaluation) extentTable() table {
	return tabulate("extent", "What was measured", e.Extents,
		textField("function", "function", func(e Extent) string { return e.Benchmark }),
		field[Extent]{number("requests of a configuration in a run, at a rate"), []string{"requests_least", "requests_most"}, func(e Extent) cell {
			c := cell{show: strconv.Itoa(e.Least), raw: []string{strconv.Itoa(e.Least), strconv.Itoa(e.Most)}}
			if e.Most > e.Least {
				c.show = e.byRate()
			}
			return c
		}},
		countField("runs", "runs", func(e Extent) int { return e.Runs }),
		countField("rates", "rates", func(e Extent) int { return e.Rates }),
		countField("strategies", "strategies", func(e Extent) int { return e.Strategies }),
		countField("configurations", "configurations", func(e Extent) int { return e.Configurations }),
		countField("requests", "requests", func(e Extent) int { return e.Requests }),
		countField("failed", "failed", func(e Extent) int { return e.Failed }))
}

// SetupDocument is how results came to be, in summary.json.
type SetupDocument struct {
	File    string `json:"file"`
	Run     string `json:"run,omitempty"`
	Variant string `json:"variant,omitempty"`
	results.Setup
}

func setupDocuments(setups []results.Setup) []SetupDocument {
	all := []SetupDocument{}
	for _, s := range setups {
		all = append(all, SetupDocument{filepath.Base(s.Source.Rows), s.Source.Run, s.Source.Variant, s})
	}
	return all
}

func (e Evaluation) setupTable() table {
	of := func(value func(results.Setup) string) func(SetupDocument) string {
		return func(s SetupDocument) string { return value(s.Setup) }
	}
	machineOf := func(value func(*machine.Description) string) func(SetupDocument) string {
		return func(s SetupDocument) string {
			if s.Machine == nil {
				return missing
			}
			return value(s.Machine)
		}
	}
	return tabulate("runs", "The runs", setupDocuments(e.Setups),
		textField("run", "run", func(s SetupDocument) string { return orMissing(s.Run) }),
		textField("variant", "variant", func(s SetupDocument) string { return orMissing(s.Variant) }),
		textField("file", "file", func(s SetupDocument) string { return s.File }),
		textField("begun (UTC)", "begun", machineOf(func(d *machine.Description) string { return d.Begun.UTC().Format("2006-01-02 15:04") })),
		textField("load then", "load", machineOf(func(d *machine.Description) string { return oneDecimal(d.Load) })),
		textField("CPUs of a worker", "worker_cpus", of(func(s results.Setup) string { return strconv.Itoa(max(1, s.WorkerCPUs)) })),
		textField("pause", "pause", of(func(s results.Setup) string { return s.Pause })),
		textField("wait for a checkpoint", "settle", of(func(s results.Setup) string { return s.Settle })),
		textField("mutability", "mutability", of(func(s results.Setup) string { return exact(s.Mutability) })),
		textField("inputs after a restore", "inputs", of(func(s results.Setup) string {
			if s.KeepRandom {
				return "repeated"
			}
			return "drawn anew"
		})),
		textField("node's cache", "node_cache", of(func(s results.Setup) string {
			if s.NodeCache {
				return "yes"
			}
			return "no"
		})),
		textField("seed", "seed", of(func(s results.Setup) string { return strconv.FormatUint(s.Seed, 10) })))
}

func orMissing(text string) string {
	if text == "" {
		return missing
	}
	return text
}

// Machines describes each machine that results come from, once.
func (e Evaluation) Machines() []string {
	var all []string
	for _, s := range e.Setups {
		if s.Machine == nil {
			continue
		}
		if text := describe(*s.Machine); !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}

func describe(d machine.Description) string {
	parts := []string{
		orMissing(d.CPU), fmt.Sprintf("%d CPUs", d.CPUs), fmt.Sprintf("%.1f GiB of memory", float64(d.MemoryBytes)/(1<<30)),
		orMissing(d.System), "Linux " + d.Kernel, d.Arch,
	}
	for _, name := range slices.Sorted(maps.Keys(d.Software)) {
		parts = append(parts, name+": "+strings.TrimPrefix(d.Software[name], "Version: "))
	}
	return strings.Join(parts, "; ")
}
