package report

import (
	"fmt"
	"slices"

	"gonum.org/v1/plot"
)

// layout is the rows and columns of a figure that has a panel for each
// benchmark and rate.
type layout struct {
	title      string
	benchmarks []string
	rates      []int
}

// newLayout makes room for what a figure can hold of some configurations.
func newLayout(title string, keys []Key) layout {
	l := layout{title: title}
	for _, k := range keys {
		l.benchmarks, l.rates = append(l.benchmarks, k.Benchmark), append(l.rates, k.Rate)
	}
	l.benchmarks = within(distinct(l.benchmarks, compareBenchmarks), maxRows, "functions", &l.title)
	slices.Sort(l.rates)
	l.rates = within(slices.Compact(l.rates), maxColumns, "rates", &l.title)
	return l
}

// panels draws the panels, row by row. A panel may be nil.
func (l layout) panels(draw func(benchmark string, rate int) (*plot.Plot, error)) ([][]*plot.Plot, error) {
	panels := make([][]*plot.Plot, len(l.benchmarks))
	for i, benchmark := range l.benchmarks {
		for _, rate := range l.rates {
			p, err := draw(benchmark, rate)
			if err != nil {
				return nil, fmt.Errorf("draw %s at rate %d: %w", benchmark, rate, err)
			}
			panels[i] = append(panels[i], p)
		}
	}
	return panels, nil
}

// distinct sorts a list and removes what stands twice.
func distinct(list []string, compare func(a, b string) int) []string {
	slices.SortFunc(list, compare)
	return slices.Compact(list)
}

// nameAxes names the axes at the edges of the grid, whose panels all have
// ranges of their own.
func nameAxes(panels [][]*plot.Plot, x, y string) {
	for i, row := range panels {
		for j, p := range row {
			if p == nil {
				continue
			}
			if j == 0 || row[j-1] == nil {
				p.Y.Label.Text = y
			}
			if i == len(panels)-1 || panels[i+1][j] == nil {
				p.X.Label.Text = x
			}
		}
	}
}

// shareScale leaves out the labels of y axes that are the same along a row.
func shareScale(panels [][]*plot.Plot) {
	for _, row := range panels {
		for j, p := range row {
			if p != nil && j > 0 && row[j-1] != nil {
				p.Y.Tick.Marker = unlabelled{p.Y.Tick.Marker}
			}
		}
	}
}
