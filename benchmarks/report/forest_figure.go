package report

import (
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// forestTitle is that of the figure of improvements.
const forestTitle = "Change of the median against a checkpoint after the first request"

// leastShown bounds the x axis: what is worse than that is cut off.
const leastShown = -100

// forestGrid draws improvements by rate. Some have to have a change.
func forestGrid(improvements []Improvement) grid {
	title := forestTitle
	var benchmarks []string
	var rates []int
	low := 0.0
	for _, i := range improvements {
		if i.Change != nil {
			benchmarks, rates = append(benchmarks, i.Benchmark), append(rates, i.Rate)
			low = min(low, i.Change.Low)
		}
	}
	benchmarks = within(distinct(benchmarks, compareBenchmarks), 2*maxRows, "functions", &title)
	slices.Sort(rates)
	rates = within(slices.Compact(rates), maxColumns, "rates", &title)

	panels := make([]*plot.Plot, len(rates))
	for i, rate := range rates {
		panels[i] = forestPanel(improvements, benchmarks, rate)
		panels[i].X.Min, panels[i].X.Max = max(leastShown, 20*math.Floor(low/20)), 100
		if i > 0 {
			panels[i].Y.Tick.Marker = unlabelled{panels[i].Y.Tick.Marker}
		}
	}
	height := vg.Length(len(benchmarks))*0.27*vg.Inch + 0.75*vg.Inch
	return grid{title, forestLegend(), [][]*plot.Plot{panels}, 3.1 * vg.Inch, height}
}

func forestLegend() legend {
	return legend{[]entry{
		{"measured", glyphMark(rawDot(), rawLine())},
		{"by size of the input", glyphMark(sizedDot(), sizedLine())},
		{"the paper, at rate 1", glyphMark(paperDot(), draw.LineStyle{})},
	}}
}

func rawLine() draw.LineStyle { return draw.LineStyle{Color: blue(), Width: vg.Points(1.4)} }

func rawDot() draw.GlyphStyle {
	return draw.GlyphStyle{Color: blue(), Radius: vg.Points(3), Shape: draw.CircleGlyph{}}
}

func sizedLine() draw.LineStyle { return draw.LineStyle{Color: orange(), Width: vg.Points(1)} }

func sizedDot() draw.GlyphStyle {
	return draw.GlyphStyle{Color: orange(), Radius: vg.Points(2.2), Shape: draw.BoxGlyph{}}
}

func paperDot() draw.GlyphStyle {
	return draw.GlyphStyle{Color: black(), Radius: vg.Points(3.6), Shape: draw.TriangleGlyph{}}
}

// forestPanel has a row for each benchmark, the first at the top.
func forestPanel(improvements []Improvement, benchmarks []string, rate int) *plot.Plot {
	p := titledPanel("rate " + strconv.Itoa(rate))
	p.Y.Min, p.Y.Max = -0.6, float64(len(benchmarks))-0.4
	p.Y.Tick.Marker = rowTicks(benchmarks)
	p.Y.Tick.Length = 0
	p.X.Tick.Marker = evenTicks{}
	p.X.Label.Text = "faster by (%)"
	p.Add(level{at: 0, upright: true, style: draw.LineStyle{Color: grey, Width: vg.Points(1)}})
	for _, i := range improvements {
		row := slices.Index(benchmarks, i.Benchmark)
		if i.Rate != rate || i.Change == nil || row < 0 {
			continue
		}
		y := float64(len(benchmarks) - 1 - row)
		if c := i.Normalised.change(); c != nil {
			addChange(p, *c, y-0.22, sizedLine(), sizedDot())
		}
		addChange(p, *i.Change, y+0.1, rawLine(), rawDot())
		if i.PaperPercent != nil {
			p.Add(dots{plotter.XYs{{X: *i.PaperPercent, Y: y + 0.1}}, paperDot()})
		}
	}
	return p
}

func addChange(p *plot.Plot, c Change, y float64, line draw.LineStyle, dot draw.GlyphStyle) {
	p.Add(interval{c.Low, c.High, y, line}, dots{plotter.XYs{{X: c.Percent, Y: y}}, dot})
}

// rowTicks name the rows of a panel from the top.
type rowTicks []string

// Ticks implements plot.Ticker.
func (r rowTicks) Ticks(_, _ float64) []plot.Tick {
	var ticks []plot.Tick
	for i, name := range r {
		ticks = append(ticks, plot.Tick{Value: float64(len(r) - 1 - i), Label: name})
	}
	return ticks
}
