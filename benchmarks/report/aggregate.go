package report

import (
	"cmp"
	"slices"
)

// Aggregate is a strategy against the baseline over all functions of a rate.
type Aggregate struct {
	// Variant is the condition that all was run under; "" is the usual one.
	Variant  string `json:"variant,omitempty"`
	Rate     int    `json:"rate"`
	Strategy string `json:"strategy"`
	// Client, BySize, WithStart and WithoutGC are by what the latencies hold; nil
	// where nothing can be compared.
	Client    *Gains `json:"client,omitempty"`
	BySize    *Gains `json:"by_size,omitempty"`
	WithStart *Gains `json:"with_start,omitempty"`
	WithoutGC *Gains `json:"without_gc,omitempty"`
	// PaperPercent is what the paper has for GeomeanImproved; nil if it has none.
	PaperPercent *float64 `json:"paper_pct,omitempty"`
}

// Gains sums up the changes of some functions.
type Gains struct {
	Functions int `json:"functions"`
	// Better, Same and Worse count the functions by 5 % of change.
	Better int `json:"better"`
	Same   int `json:"same"`
	Worse  int `json:"worse"`
	// GeomeanImproved is the geometric mean of the changes of the better ones, as
	// the paper states it: it leaves out the losers. Nil if there are none; a
	// resample without any counts as 0.
	GeomeanImproved *Change `json:"geomean_improved,omitempty"`
	// Mean is the arithmetic mean of all changes.
	Mean Change `json:"mean"`
	// Geomean is the change of the geometric mean of all medians.
	Geomean Change `json:"geomean"`
}

// aggregates sums up each variant, rate and strategy that can be compared.
func aggregates(all []compared) []Aggregate {
	type scope struct {
		variant, strategy string
		rate              int
	}
	members := make(map[scope][]compared)
	for _, c := range all {
		if c.changes.client != nil {
			_, variant := splitVariant(c.Summary.Benchmark)
			s := scope{variant, c.Summary.Strategy, c.Summary.Rate}
			members[s] = append(members[s], c)
		}
	}
	var list []Aggregate
	for s, some := range members {
		list = append(list, aggregate(s.variant, s.rate, s.strategy, some))
	}
	slices.SortFunc(list, func(a, b Aggregate) int {
		return cmp.Or(cmp.Compare(a.Variant, b.Variant), cmp.Compare(a.Rate, b.Rate), compareStrategies(a.Strategy, b.Strategy))
	})
	return list
}

func aggregate(variant string, rate int, strategy string, some []compared) Aggregate {
	gainsBy := func(measure func(changes) *comparison) *Gains {
		var members []*comparison
		for _, c := range some {
			if m := measure(c.changes); m != nil {
				members = append(members, m)
			}
		}
		return gains(members)
	}
	a := Aggregate{
		Variant: variant, Rate: rate, Strategy: strategy,
		Client:    gainsBy(func(c changes) *comparison { return c.client }),
		BySize:    gainsBy(func(c changes) *comparison { return c.bySize }),
		WithStart: gainsBy(func(c changes) *comparison { return c.withStart }),
		WithoutGC: gainsBy(func(c changes) *comparison { return c.withoutGC }),
	}
	if p := paperGeomean(rate); p != 0 && family(strategy) == family("request_centric") && variant == "" {
		a.PaperPercent = &p
	}
	return a
}

// gains is nil for no members.
func gains(members []*comparison) *Gains {
	if len(members) == 0 {
		return nil
	}
	var percents []float64
	for _, m := range members {
		percents = append(percents, m.Percent)
	}
	o := overall(Key{}, percents)
	g := &Gains{
		Functions: len(members), Better: o.Better, Same: o.Same, Worse: o.Worse,
		Mean:    over(members, mean),
		Geomean: over(members, geomeanChange),
	}
	if o.Better > 0 {
		g.GeomeanImproved = new(over(members, geomeanImproved))
	}
	return g
}

// over computes a number from the changes of all members, and its bounds from
// their resamples.
func over(members []*comparison, of func([]float64) float64) Change {
	percents := make([]float64, len(members))
	draws := make([]float64, resamples)
	for i := range draws {
		for j, m := range members {
			percents[j] = m.draws[i]
		}
		draws[i] = of(percents)
	}
	for j, m := range members {
		percents[j] = m.Percent
	}
	return newComparison(of(percents), draws).Change
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// geomeanChange is the change of the geometric mean of the medians.
func geomeanChange(percents []float64) float64 {
	ratios := make([]float64, len(percents))
	for i, p := range percents {
		ratios[i] = 1 - p/100
	}
	return 100 * (1 - geometricMean(ratios))
}

// geomeanImproved is 0 if nothing improved.
func geomeanImproved(percents []float64) float64 {
	var better []float64
	for _, p := range percents {
		if p > noticeable {
			better = append(better, p)
		}
	}
	if len(better) == 0 {
		return 0
	}
	return geometricMean(better)
}
