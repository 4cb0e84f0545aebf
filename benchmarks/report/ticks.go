package report

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"
)

// shareTicks are the ticks of an axis from 0 to 1.
type shareTicks struct{}

// Ticks implements plot.Ticker.
func (shareTicks) Ticks(_, _ float64) []plot.Tick {
	return []plot.Tick{
		{Value: 0, Label: "0 %"}, {Value: 0.25}, {Value: 0.5, Label: "50 %"}, {Value: 0.75}, {Value: 1, Label: "100 %"},
	}
}

// unlabelled are ticks with blanks for labels: without any they would pass for
// minor ones, which have no line in the grid.
type unlabelled struct{ plot.Ticker }

// Ticks implements plot.Ticker.
func (u unlabelled) Ticks(min, max float64) []plot.Tick {
	ticks := u.Ticker.Ticks(min, max)
	for i := range ticks {
		if !ticks[i].IsMinor() {
			ticks[i].Label = " "
		}
	}
	return ticks
}

// evenTicks are the ticks of a linear axis, at round numbers.
type evenTicks struct{}

// Ticks implements plot.Ticker.
func (evenTicks) Ticks(min, max float64) []plot.Tick {
	var ticks []plot.Tick
	for _, v := range multiples(min, max, roundStep((max-min)/5)) {
		ticks = append(ticks, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'f', -1, 64)})
	}
	return ticks
}

// logTicks are the ticks of a logarithmic axis: a few round numbers, however
// narrow or wide its range is, where powers of ten alone would leave an axis
// from 12 to 80 ms without any.
type logTicks struct{}

// Ticks implements plot.Ticker.
func (logTicks) Ticks(min, max float64) []plot.Tick {
	values := roundNumbers(min, max)
	ticks := make([]plot.Tick, len(values))
	for i, v := range values {
		ticks[i] = plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'f', -1, 64)}
	}
	return ticks
}

// evenRatio is the ratio of the ends of an axis up to which steps of one size
// make good ticks. On longer axes they would crowd at the far end.
const evenRatio = 2.5

// roundNumbers chooses ticks so that there are about three to seven of them.
func roundNumbers(low, high float64) []float64 {
	ratio := high / low
	if ratio <= evenRatio {
		return multiples(low, high, roundStep((high-low)/6))
	}
	choices := []struct {
		upTo      float64
		mantissas []float64
	}{
		{4, []float64{1, 1.5, 2, 3, 4, 5, 7}},
		{10, []float64{1, 2, 3, 5}},
		{50, []float64{1, 2, 5}},
		{1000, []float64{1, 3}},
	}
	for _, c := range choices {
		if ratio <= c.upTo {
			return decades(low, high, c.mantissas...)
		}
	}
	return decades(low, high, 1)
}

// roundStep returns the 1, 2 or 5 times a power of ten that is step or a
// little more.
func roundStep(step float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(step)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= step {
			return m * power
		}
	}
	return 10 * power
}

// multiples returns the multiples of step between low and high.
func multiples(low, high, step float64) []float64 {
	var values []float64
	for i := math.Ceil(low / step); i*step <= high; i++ {
		values = append(values, tidy(i*step)+0) // no −0
	}
	return values
}

// decades returns the multiples of powers of ten between low and high.
func decades(low, high float64, mantissas ...float64) []float64 {
	var values []float64
	for e := math.Floor(math.Log10(low)); e <= math.Log10(high); e++ {
		for _, m := range mantissas {
			if v := tidy(m * math.Pow(10, e)); v >= low && v <= high {
				values = append(values, v)
			}
		}
	}
	return values
}

// tidy removes what floating point adds to a round number.
func tidy(v float64) float64 {
	t, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 6, 64), 64)
	if err != nil {
		return v
	}
	return t
}
