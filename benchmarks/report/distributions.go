package report

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// distributionsTitle also says what the rates in the titles of the panels are.
const distributionsTitle = "Client latency by eviction rate (requests per lifetime)"

// distributions are cumulative distributions of latencies.
type distributions struct {
	keys       []Key
	strategies []string          // the lines
	latencies  map[Key][]float64 // in ms, ascending
	styles     styles
}

// newDistributions sorts out what there is to draw of some groups. Lines have
// the styles of the strategies that are given, or else of those that there are.
func newDistributions(some []*group, s styles) *distributions {
	d := &distributions{latencies: make(map[Key][]float64), styles: s}
	for _, g := range some {
		if len(g.rows) == 0 || s != nil && !slices.Contains(s, g.Strategy) {
			continue
		}
		d.latencies[g.Key] = drawable(g.clientSample().sorted)
		d.keys, d.strategies = append(d.keys, g.Key), append(d.strategies, g.Strategy)
	}
	d.strategies = distinct(d.strategies, compareStrategies)
	if s == nil {
		d.styles = d.strategies
	}
	return d
}

// drawable returns latencies in ms, raised to what a logarithmic axis can show.
func drawable(us []float64) []float64 {
	ms := make([]float64, len(us))
	for i, v := range us {
		ms[i] = max(1, v) / 1000
	}
	return ms
}

// grid draws all that a figure can hold. There has to be something.
func (d *distributions) grid(title string) (grid, error) {
	all := newLayout(title, d.keys)
	d.strategies = within(d.strategies, maxLines, "strategies", &all.title)
	panels, err := all.panels(d.panel)
	if err != nil {
		return grid{}, err
	}
	nameAxes(panels, "latency (ms)", "requests")
	shareScale(panels)
	width, height := panelSize(len(panels))
	return grid{all.title, d.styles.legend(d.strategies), panels, width, height}, nil
}

// span returns the range of a benchmark's x axis in ms: from the shortest
// latency to the highest 99th percentile of a line. A single slow request
// would otherwise squeeze all lines into a corner.
func (d *distributions) span(benchmark string) (low, high float64) {
	low = math.Inf(1)
	for k, ms := range d.latencies {
		if k.Benchmark == benchmark {
			low = min(low, ms[0])
			high = max(high, quantile(ms, 0.99))
		}
	}
	return airy(low, high)
}

// airy gives a logarithmic axis some air, and some length even if all is alike.
func airy(low, high float64) (float64, float64) {
	return low / 1.05, max(high, low*1.1) * 1.05
}

// panel draws the lines of a benchmark and a rate; nil if there are none.
func (d *distributions) panel(benchmark string, rate int) (*plot.Plot, error) {
	p := newPanel(benchmark, rate)
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, logTicks{}
	p.X.Min, p.X.Max = d.span(benchmark)
	p.Y.Min, p.Y.Max = 0, 1
	p.Y.Tick.Marker = shareTicks{}
	empty := true
	for _, strategy := range d.strategies {
		ms, ok := d.latencies[Key{benchmark, rate, strategy}]
		if !ok {
			continue
		}
		empty = false
		line, err := plotter.NewLine(distribution(ms))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", strategy, err)
		}
		line.LineStyle = d.styles.line(strategy)
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

// newPanel returns a panel without lines.
func newPanel(benchmark string, rate int) *plot.Plot {
	return titledPanel(fmt.Sprintf("%s, rate %d", benchmark, rate))
}

func titledPanel(title string) *plot.Plot {
	p := plot.New()
	p.Title.Text = title
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
