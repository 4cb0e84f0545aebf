package report

import (
	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

// measures are the ways to look at the latencies of a configuration, each in
// µs; nil where the files do not say it.
type measures struct {
	// client is the round trip once the worker is up: what the artifact reports.
	client *sample
	// bySize is client, brought to one input size.
	bySize *sample
	// withStart is what a user feels; see felt.
	withStart *sample
	// withoutGC is client without the garbage collection in the request.
	withoutGC *sample
}

func (s sizes) measures(g *group) measures {
	f := newFelt(g)
	return measures{
		client:    g.clientSample(),
		bySize:    g.sample(func(r results.Row) (float64, bool) { return s.normalised(g, r) }),
		withStart: g.sample(f.latency),
		withoutGC: g.sample(g.lessGC),
	}
}

func (g *group) clientSample() *sample {
	return g.sample(func(r results.Row) (float64, bool) { return float64(r.ClientUS), true })
}

// normalised returns the latency of a request, multiplied by the benchmark's
// median input size ÷ its own. It takes latency to be proportional to size.
func (s sizes) normalised(g *group, r results.Row) (float64, bool) {
	reference, ok := s[g.Benchmark]
	size := g.requests[placeOf(r)].InputSize
	if !ok || size == 0 {
		return 0, false
	}
	return float64(r.ClientUS) * reference / float64(size), true
}

func (g *group) lessGC(r results.Row) (float64, bool) {
	gc := g.requests[placeOf(r)].GCUS
	if gc == nil {
		return 0, false
	}
	return max(0, float64(r.ClientUS)-float64(*gc)), true
}

// felt knows what a user feels: the latency of a request and all of the start
// of its worker, if it is the first of a lifetime. How much of a start a
// request of a run has really waited for depends on the pauses of the client,
// which are the evaluation's and not a user's.
type felt struct {
	*group
	startUS map[lifetimeID]float64
	opens   map[place]bool // the first request of a lifetime
}

type lifetimeID struct{ run, lifetime string }

func newFelt(g *group) felt {
	f := felt{group: g, startUS: make(map[lifetimeID]float64), opens: make(map[place]bool)}
	for _, l := range g.lifetimes {
		f.startUS[lifetimeID{l.Run, l.Lifetime}] = 1000 * l.StartUpMS
	}
	first := make(map[lifetimeID]place)
	for p, r := range g.requests {
		id := lifetimeID{r.Run, r.Lifetime}
		if other, ok := first[id]; !ok || p.number < other.number {
			first[id] = p
		}
	}
	for _, p := range first {
		f.opens[p] = true
	}
	return f
}

// latency is unknown for a request whose lifetime is.
func (f felt) latency(r results.Row) (float64, bool) {
	request, ok := f.requests[placeOf(r)]
	start, known := f.startUS[lifetimeID{r.Run, request.Lifetime}]
	if !ok || !known {
		return 0, false
	}
	wait := float64(request.WaitUS)
	if f.opens[placeOf(r)] {
		wait = max(wait, start)
	}
	return float64(r.ClientUS) + wait, true
}
