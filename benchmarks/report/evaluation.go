package report

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

// PublishedPolicy is the strategy whose gains the paper reports, in the form
// in which its evaluation ran it.
const PublishedPolicy = "request_centric&max_capacity=12"

// Evaluation is everything that a report of pages says.
type Evaluation struct {
	Report
	// Policy is the strategy that the tables are about; "" if none was run that
	// they could be about.
	Policy       string
	Improvements []Improvement
	Aggregates   []Aggregate
	Costs        []SnapshotCost
	Traffic      []Traffic
	Picks        []Picks
	Lineages     []Lineage
	Sweeps       []Sweep
	Extents      []Extent
	// Setups say how the results came to be, as far as that is known.
	Setups []results.Setup
	// Problems say what was wrong with the data, or is missing from it.
	Problems []string

	groups []*group
}

// Improvement is what a strategy gains over the baseline for a function and a
// rate.
type Improvement struct {
	Summary
	// Baseline and Cold are what it can be compared with; nil if not run.
	Baseline, Cold *Summary
	// PaperPercent is what the paper has for Change; nil if it has nothing.
	PaperPercent *float64
}

// Evaluate reports on everything in data; see Summarise for the source.
// Problems are what is known to be wrong with the data.
func Evaluate(data results.Data, source rand.Source, problems []string) Evaluation {
	all := compareAll(data, source)
	e := Evaluation{
		Report:   Report{Baseline: Baseline, Summaries: summariesOf(all)},
		Problems: append(slices.Clone(problems), doubts(all)...),
	}
	for _, c := range all {
		e.groups = append(e.groups, c.group)
	}
	e.Overall = Overalls(e.Summaries)
	e.Policy = mainPolicy(e.Summaries)
	e.Improvements = improvements(e.Summaries, e.Policy)
	e.Aggregates = aggregates(all)
	e.Costs = snapshotCosts(all, e.Policy)
	e.Traffic = traffics(all, e.Policy)
	e.Picks = picks(all, e.Policy)
	e.Lineages = lineages(all)
	e.Sweeps = sweeps(e.Summaries, e.Policy)
	e.Extents = extents(e.Summaries)
	e.Setups = data.Setups
	return e
}

// mainPolicy is the published one, or what is most like it.
func mainPolicy(summaries []Summary) string {
	best := ""
	for _, s := range summaries {
		switch {
		case s.Strategy == PublishedPolicy:
			return s.Strategy
		case family(s.Strategy) < family("request_centric"):
		case best == "" || compareStrategies(s.Strategy, best) < 0:
			best = s.Strategy
		}
	}
	return best
}

// improvements are those of a strategy, where it was run.
func improvements(summaries []Summary, strategy string) []Improvement {
	byKey := make(map[Key]*Summary)
	for i, s := range summaries {
		byKey[s.Key] = &summaries[i]
	}
	var all []Improvement
	for _, s := range summaries {
		if s.Strategy != strategy {
			continue
		}
		i := Improvement{
			Summary:  s,
			Baseline: byKey[Key{s.Benchmark, s.Rate, Baseline}],
			Cold:     byKey[Key{s.Benchmark, s.Rate, "cold"}],
		}
		if f := functionOf(s.Benchmark); f != nil && s.Rate == 1 {
			i.PaperPercent = &f.Percent
		}
		all = append(all, i)
	}
	return all
}

// doubts are what the data itself says against it.
func doubts(all []compared) []string {
	var list []string
	for _, c := range all {
		seen := make(map[place]bool)
		for _, r := range c.rows {
			seen[placeOf(r)] = true
		}
		if n := len(c.rows) - len(seen); n > 0 {
			list = append(list, fmt.Sprintf("%s: %d requests stand twice, and count as often", c.group.Key, n))
		}
	}
	return list
}
