package report

import (
	"math/rand/v2"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

// Summarise returns a summary of every configuration in data that was sent a
// request, in the order of benchmark, rate and strategy. The source draws the
// resamples of the confidence intervals: the same data and the same state of
// the source give the same summaries.
func Summarise(data results.Data, source rand.Source) []Summary {
	return summariesOf(compareAll(data, source))
}

func summariesOf(all []compared) []Summary {
	summaries := make([]Summary, len(all))
	for i, c := range all {
		summaries[i] = c.Summary
	}
	return summaries
}

// compared is a configuration, its summary, and the comparisons with the
// baseline that are in it.
type compared struct {
	Summary
	*group
	measures
	changes changes
}

// changes are comparisons by measure; nil where there is nothing to compare.
type changes struct {
	client, bySize, withStart, withStartMean, withoutGC *comparison
}

// compareAll returns the configurations that were sent a request.
func compareAll(data results.Data, source rand.Source) []compared {
	rng := rand.New(source)
	sizes := inputSizes(data.Requests)
	var all []compared
	baselines := make(map[Key]measures)
	for _, g := range groups(data) {
		if len(g.rows)+g.failed == 0 {
			continue
		}
		c := compared{group: g, measures: sizes.measures(g)}
		if g.Strategy == Baseline {
			baselines[g.Key] = c.measures
		}
		all = append(all, c)
	}
	for i := range all {
		c := &all[i]
		if c.group.Strategy != Baseline {
			c.compareWith(baselines[Key{c.group.Benchmark, c.group.Rate, Baseline}], rng)
		}
		c.summarise()
	}
	return all
}

// compareWith compares in every measure that both have. A source of draws of
// its own for each keeps one from changing the intervals of another.
func (c *compared) compareWith(base measures, rng *rand.Rand) {
	seed := rng.Uint64()
	compare := func(s, base *sample, statistics ...statistic) []*comparison {
		if s == nil || base == nil {
			return make([]*comparison, len(statistics))
		}
		return compare(s, base, rand.New(rand.NewPCG(seed, 0)), statistics...)
	}
	withStart := compare(c.withStart, base.withStart, medianOf, meanOf)
	c.changes = changes{
		client:        compare(c.client, base.client, medianOf)[0],
		bySize:        compare(c.bySize, base.bySize, medianOf)[0],
		withoutGC:     compare(c.withoutGC, base.withoutGC, medianOf)[0],
		withStart:     withStart[0],
		withStartMean: withStart[1],
	}
}

func (c *compared) summarise() {
	c.Summary = Summary{
		Key:        c.group.Key,
		Runs:       c.group.runs(),
		Requests:   len(c.rows) + c.failed,
		Failed:     c.failed,
		Latency:    c.latency(),
		Change:     c.changes.client.change(),
		Normalised: adjusted(c.bySize, c.changes.bySize),
		WithoutGC:  adjusted(c.withoutGC, c.changes.withoutGC),
		Lifetimes:  lifetimes(c.lifetimes),
	}
	if c.withStart != nil {
		c.Summary.WithStart = &Felt{
			Adjusted:   *adjusted(c.withStart, c.changes.withStart),
			MeanUS:     meanOf(c.withStart),
			MeanChange: c.changes.withStartMean.change(),
		}
	}
}

// adjusted is nil for no sample.
func adjusted(s *sample, c *comparison) *Adjusted {
	if s == nil {
		return nil
	}
	return &Adjusted{MedianUS: s.quantile(0.5), Change: c.change()}
}

// latency returns the quantiles of the answered requests; nil if there are none.
func (c *compared) latency() *Latency {
	if c.client == nil {
		return nil
	}
	return &Latency{
		MedianUS:       c.client.quantile(0.5),
		P90US:          c.client.quantile(0.9),
		P99US:          c.client.quantile(0.99),
		ServerMedianUS: serverMedian(c.rows),
	}
}

func serverMedian(rows []results.Row) float64 {
	values := make([]float64, len(rows))
	for i, r := range rows {
		values[i] = float64(r.ServerUS)
	}
	return median(values)
}

// lifetimes sums up the lifetimes of a configuration; nil if none is known.
func lifetimes(rows []results.LifetimeRow) *Lifetimes {
	if len(rows) == 0 {
		return nil
	}
	sum := &Lifetimes{Count: len(rows)}
	var startUps, pauses []float64
	for _, r := range rows {
		sum.add(r)
		startUps = append(startUps, r.StartUpMS)
		if c := r.Checkpoint; c != nil && c.Outcome == agent.CheckpointDone {
			pauses = append(pauses, c.PauseMS)
		}
	}
	sum.RestoredShare = float64(sum.Restored) / float64(sum.Count)
	sum.StartUpMedianMS = median(startUps)
	if len(pauses) > 0 {
		sum.PauseMedianMS = new(median(pauses))
	}
	return sum
}

// add counts one lifetime.
func (l *Lifetimes) add(r results.LifetimeRow) {
	if r.Start == agent.Restored {
		l.Restored++
	}
	l.BytesDownloaded += r.BytesDownloaded
	l.BytesUploaded += r.BytesUploaded
	if r.Checkpoint == nil {
		return
	}
	if r.Checkpoint.Outcome == agent.CheckpointDone {
		l.CheckpointsDone++
	} else {
		l.CheckpointsFailed++
	}
}
