package report

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

// group is the data of one configuration.
type group struct {
	Key
	rows      []results.Row
	requests  map[int]results.RequestRow // by request number
	lifetimes []results.LifetimeRow
	failed    int
}

// groups returns the configurations of data in the order in which they are
// reported: by benchmark, rate, and strategy.
func groups(data results.Data) []*group {
	byKey := make(map[Key]*group)
	at := func(k Key) *group {
		if byKey[k] == nil {
			byKey[k] = &group{Key: k, requests: make(map[int]results.RequestRow)}
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
	g.requests[r.RequestNumber] = r
	if r.Failed() {
		g.failed++
	}
}

// addRow adds an answered request. Requests come first, because they tell
// whether it was answered as it should be.
func (g *group) addRow(r results.Row) {
	if !g.requests[r.RequestNumber].Failed() {
		g.rows = append(g.rows, r)
	}
}

// lifetimeOf returns what tells the lifetime of a request from others. Where
// no file says it, lifetimes have as many requests as the rate says.
func (g *group) lifetimeOf(r results.Row) string {
	if id := g.requests[r.RequestNumber].Lifetime; id != "" {
		return id
	}
	return "#" + strconv.Itoa(r.RequestNumber/max(1, g.Rate))
}

// sample returns the client's latencies in µs.
func (g *group) sample() *sample {
	values := make([]float64, len(g.rows))
	lifetimes := make([]string, len(g.rows))
	for i, r := range g.rows {
		values[i], lifetimes[i] = float64(r.ClientUS), g.lifetimeOf(r)
	}
	return newSample(values, lifetimes)
}

func compareKeys(a, b Key) int {
	return cmp.Or(
		cmp.Compare(a.Benchmark, b.Benchmark),
		cmp.Compare(a.Rate, b.Rate),
		compareStrategies(a.Strategy, b.Strategy),
	)
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
