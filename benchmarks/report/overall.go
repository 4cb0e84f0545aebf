package report

import (
	"cmp"
	"math"
	"slices"
)

// noticeable is the change in percent from which on the paper calls a
// configuration better or worse.
const noticeable = 5.0

// Overall compares a strategy with the baseline over all benchmarks of a rate.
type Overall struct {
	Rate     int    `json:"rate"`
	Strategy string `json:"strategy"`
	// Better, Same and Worse count the benchmarks whose median changed by more
	// than 5 % for the better, by less, and by more than 5 % for the worse.
	Better int `json:"better"`
	Same   int `json:"same"`
	Worse  int `json:"worse"`
	// Percent is the change of the geometric mean of the medians of all these
	// benchmarks, in percent; positive is faster.
	Percent float64 `json:"percent"`
	// BetterPercent is the geometric mean of the changes of the better ones, as
	// the paper's evaluation states it; nil if there are none.
	BetterPercent *float64 `json:"better_percent,omitempty"`
}

// Overalls returns a comparison for each rate and strategy that can be
// compared, in this order. Variants of a benchmark are left out, for it would
// count twice.
func Overalls(summaries []Summary) []Overall {
	changes := make(map[Key][]float64)
	for _, s := range summaries {
		if _, variant := splitVariant(s.Benchmark); s.Change != nil && variant == "" {
			k := Key{Rate: s.Rate, Strategy: s.Strategy}
			changes[k] = append(changes[k], s.Change.Percent)
		}
	}
	var all []Overall
	for k, percents := range changes {
		all = append(all, overall(k, percents))
	}
	slices.SortFunc(all, func(a, b Overall) int {
		return cmp.Or(cmp.Compare(a.Rate, b.Rate), compareStrategies(a.Strategy, b.Strategy))
	})
	return all
}

func overall(k Key, percents []float64) Overall {
	o := Overall{Rate: k.Rate, Strategy: k.Strategy}
	var ratios, better []float64
	for _, p := range percents {
		ratios = append(ratios, 1-p/100)
		switch {
		case p > noticeable:
			o.Better++
			better = append(better, p)
		case p < -noticeable:
			o.Worse++
		default:
			o.Same++
		}
	}
	o.Percent = 100 * (1 - geometricMean(ratios))
	if len(better) > 0 {
		o.BetterPercent = new(geometricMean(better))
	}
	return o
}

// geometricMean is of numbers that are not negative.
func geometricMean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += math.Log(v)
	}
	return math.Exp(sum / float64(len(values)))
}
