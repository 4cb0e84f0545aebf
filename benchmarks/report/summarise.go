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
	s := &summariser{
		rng:       rand.New(source),
		sizes:     inputSizes(data.Requests),
		baselines: make(map[Key]*measured),
	}
	var all []*measured
	for _, g := range groups(data) {
		if len(g.rows)+g.failed > 0 {
			all = append(all, s.measure(g))
		}
	}
	summaries := make([]Summary, len(all))
	for i, m := range all {
		summaries[i] = s.summary(m)
	}
	return summaries
}

// summariser holds what the summaries of configurations share.
type summariser struct {
	rng       *rand.Rand
	sizes     sizes
	baselines map[Key]*measured // by key
}

// measured is a configuration with its latencies.
type measured struct {
	*group
	client     *sample
	normalised *sample // nil if unknown
}

func (s *summariser) measure(g *group) *measured {
	m := &measured{group: g, client: g.sample(), normalised: s.sizes.normalised(g)}
	if g.Strategy == Baseline && len(g.rows) > 0 {
		s.baselines[g.Key] = m
	}
	return m
}

// baseline returns what m is compared with; nil if nothing.
func (s *summariser) baseline(m *measured) *measured {
	if m.Strategy == Baseline || len(m.rows) == 0 {
		return nil
	}
	return s.baselines[Key{m.Benchmark, m.Rate, Baseline}]
}

func (s *summariser) summary(m *measured) Summary {
	sum := Summary{
		Key:       m.Key,
		Requests:  len(m.rows) + m.failed,
		Failed:    m.failed,
		Latency:   m.latency(),
		Lifetimes: lifetimes(m.lifetimes),
	}
	if m.normalised != nil {
		sum.Normalised = &Normalised{MedianUS: quantile(m.normalised.sorted, 0.5)}
	}
	if base := s.baseline(m); base != nil {
		sum.Change = change(m.client, base.client, s.rng)
		if m.normalised != nil && base.normalised != nil {
			sum.Normalised.Change = change(m.normalised, base.normalised, s.rng)
		}
	}
	return sum
}

// latency returns the quantiles of the answered requests; nil if there are none.
func (m *measured) latency() *Latency {
	if len(m.rows) == 0 {
		return nil
	}
	return &Latency{
		MedianUS:       quantile(m.client.sorted, 0.5),
		P90US:          quantile(m.client.sorted, 0.9),
		P99US:          quantile(m.client.sorted, 0.99),
		ServerMedianUS: serverMedian(m.rows),
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
