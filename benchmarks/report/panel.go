package report

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// panels returns the panels of the grid, row by row; nil where a benchmark was
// not run at a rate.
func (f *figure) panels() ([][]*plot.Plot, error) {
	grid := make([][]*plot.Plot, len(f.benchmarks))
	for i, benchmark := range f.benchmarks {
		low, high := f.span(benchmark)
		for _, rate := range f.rates {
			p, err := f.panel(benchmark, rate, low, high)
			if err != nil {
				return nil, err
			}
			grid[i] = append(grid[i], p)
		}
	}
	f.label(grid)
	return grid, nil
}

// span returns the range of a benchmark's x axis in ms: from the shortest
// latency to the highest 99th percentile of a line. A single slow request
// would otherwise squeeze all lines into a corner.
func (f *figure) span(benchmark string) (low, high float64) {
	low = math.Inf(1)
	for k, ms := range f.latencies {
		if k.Benchmark == benchmark {
			low = min(low, ms[0])
			high = max(high, quantile(ms, 0.99))
		}
	}
	// Some air, and an axis of some length even if all latencies are alike.
	return low / 1.05, max(high, low*1.1) * 1.05
}

// panel draws the lines of a benchmark and a rate; nil if there are none.
func (f *figure) panel(benchmark string, rate int, low, high float64) (*plot.Plot, error) {
	p := newPanel(benchmark, rate)
	p.X.Min, p.X.Max = low, high
	p.Y.Min, p.Y.Max = 0, 1
	empty := true
	for i, strategy := range f.strategies {
		ms, ok := f.latencies[Key{benchmark, rate, strategy}]
		if !ok {
			continue
		}
		empty = false
		line, err := plotter.NewLine(distribution(ms))
		if err != nil {
			return nil, fmt.Errorf("%s at rate %d, %s: %w", benchmark, rate, strategy, err)
		}
		line.LineStyle = lineStyle(i)
		p.Add(curve{line})
	}
	if empty {
		return nil, nil
	}
	return p, nil
}

// curve is a line without boxes around its points, for which a panel would
// make room: they would move the axes of one panel and not of another.
type curve struct{ line *plotter.Line }

// Plot draws the line.
func (c curve) Plot(canvas draw.Canvas, p *plot.Plot) { c.line.Plot(canvas, p) }

// maxPoints bounds the points of a line, and with it the size of an SVG.
const maxPoints = 250

// distribution returns the cumulative distribution of latencies in ascending
// order.
func distribution(ms []float64) plotter.XYs {
	n := min(len(ms), maxPoints)
	points := plotter.XYs{{X: ms[0], Y: 0}}
	for i := 1; i <= n; i++ {
		rank := i * len(ms) / n // of the latencies up to this point
		points = append(points, plotter.XY{X: ms[rank-1], Y: float64(rank) / float64(len(ms))})
	}
	return points
}

// label names the axes where they are not repeated: y at the left, x at the
// bottom. The values stand at every panel of x, for they differ from row to row.
func (f *figure) label(grid [][]*plot.Plot) {
	for i, row := range grid {
		for j, p := range row {
			if p == nil {
				continue
			}
			if j == 0 || row[j-1] == nil {
				p.Y.Label.Text = "share of requests"
			} else {
				p.Y.Tick.Marker = unlabelled{p.Y.Tick.Marker}
			}
			if i == len(grid)-1 || grid[i+1][j] == nil {
				p.X.Label.Text = "latency (ms)"
			}
		}
	}
}

// newPanel returns a panel without lines.
func newPanel(benchmark string, rate int) *plot.Plot {
	p := plot.New()
	p.Title.Text = fmt.Sprintf("%s, rate %d", benchmark, rate)
	p.Title.TextStyle.Font = bold(10)
	p.Title.Padding = vg.Points(4)
	p.X.Scale = plot.LogScale{}
	p.X.Tick.Marker = logTicks{}
	p.Y.Tick.Marker = shareTicks{}
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Padding = 0
		axis.Label.TextStyle.Font = regular(9)
		axis.Label.TextStyle.Color = grey
		axis.Label.Padding = vg.Points(2)
		axis.Tick.Label.Font = regular(8.5)
		axis.Tick.Length = vg.Points(4)
		axis.Color, axis.Tick.Color = grey, grey
	}
	p.Add(newGrid())
	return p
}
