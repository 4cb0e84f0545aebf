package report

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

// group is the data of one configuration in all runs.
type group struct {
	Key
	rows      []results.Row
	requests  map[place]results.RequestRow
	lifetimes []results.LifetimeRow
	failed    int
	// first is the number of the first request: 0, or 1 in the artifact's files.
	first int
}

// place tells the requests of a group apart.
type place struct {
	run    string
	number int
}

func placeOf(r results.Row) place { return place{r.Run, r.RequestNumber} }

// groups returns the configurations of data in the order in which they are
// reported: by benchmark, rate, and strategy.
func groups(data results.Data) []*group {
	byKey := make(map[Key]*group)
	at := func(k Key) *group {
		if byKey[k] == nil {
			byKey[k] = &group{Key: k, requests: make(map[place]results.RequestRow), first: 1}
		}
		return byKey[k]
	}
	for _, r := range data.Requests {
		at(Key{r.Benchmark, r.Rate, r.Strategy}).addRequest(r)
	}
	for _, l := range data.Lifetimes {
		g := at(Key{l.Benchmark, l.Rate, l.Strategy})
		g.lifetimes = append(g.lifetimes, l)
	}
	for _, r := range data.Rows {
		at(Key{r.Benchmark, r.Rate, r.Strategy}).addRow(r)
	}
	var ordered []*group
	for _, g := range byKey {
		ordered = append(ordered, g)
	}
	slices.SortFunc(ordered, func(a, b *group) int { return compareKeys(a.Key, b.Key) })
	return ordered
}

func (g *group) addRequest(r results.RequestRow) {
	g.requests[place{r.Run, r.RequestNumber}] = r
	if r.Failed() {
		g.failed++
	}
}

// addRow adds an answered request. Requests come first, because they tell
// whether it was answered as it should be.
func (g *group) addRow(r results.Row) {
	if !g.requests[placeOf(r)].Failed() {
		g.rows = append(g.rows, r)
		g.first = min(g.first, r.RequestNumber)
	}
}

// lifetimeOf returns what tells the lifetime of a request from others of its
// run. Where no file says it, lifetimes have as many requests as the rate says.
func (g *group) lifetimeOf(r results.Row) string {
	if id := g.requests[placeOf(r)].Lifetime; id != "" {
		return id
	}
	return "#" + strconv.Itoa((r.RequestNumber-g.first)/max(1, g.Rate))
}

// sample returns what value says about the answered requests; nil if nothing.
func (g *group) sample(value func(results.Row) (float64, bool)) *sample {
	var all []observation
	for _, r := range g.rows {
		if v, ok := value(r); ok {
			all = append(all, observation{v, g.lifetimeOf(r), r.Run})
		}
	}
	return newSample(all)
}

// runs counts the runs that have requests.
func (g *group) runs() int {
	names := make(map[string]bool)
	for _, r := range g.rows {
		names[r.Run] = true
	}
	for p := range g.requests {
		names[p.run] = true
	}
	return len(names)
}

func compareKeys(a, b Key) int {
	return cmp.Or(
		compareBenchmarks(a.Benchmark, b.Benchmark),
		cmp.Compare(a.Rate, b.Rate),
		compareStrategies(a.Strategy, b.Strategy),
	)
}

// compareBenchmarks orders the functions of the paper as it does, then others.
func compareBenchmarks(a, b string) int {
	return cmp.Or(cmp.Compare(paperRank(a), paperRank(b)), cmp.Compare(a, b))
}

// compareStrategies orders strategies from the least to the most clever, which
// is how tables and legends read best.
func compareStrategies(a, b string) int {
	return cmp.Or(cmp.Compare(family(a), family(b)), cmp.Compare(a, b))
}

func family(spec string) int {
	name, _, _ := strings.Cut(spec, "&")
	families := []string{"cold", "fixed", "request_centric", "adaptive"}
	if i := slices.Index(families, name); i >= 0 {
		return i
	}
	return len(families)
}
