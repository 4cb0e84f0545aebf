package report

import (
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// sweepTitle is that of the figure of the fixed-k sweep.
const sweepTitle = "Median client latency with one snapshot, taken after request k"

// sweepGrid draws medians by k, with those of a cold start and of the policy
// as lines. There has to be something.
func sweepGrid(sweeps []Sweep, policy string, s styles) (grid, error) {
	byKey := make(map[Key]Sweep)
	var keys []Key
	for _, w := range sweeps {
		k := Key{Benchmark: w.Benchmark, Rate: w.Rate}
		byKey[k] = w
		keys = append(keys, k)
	}
	all := newLayout(sweepTitle, keys)
	panels, err := all.panels(func(benchmark string, rate int) (*plot.Plot, error) {
		w, ok := byKey[Key{Benchmark: benchmark, Rate: rate}]
		if !ok {
			return nil, nil
		}
		return sweepPanel(w, policy, s)
	})
	if err != nil {
		return grid{}, err
	}
	panels = wrap(panels)
	nameAxes(panels, "k", "median (ms)")
	width, height := panelSize(len(panels))
	return grid{all.title, sweepLegend(policy, s), panels, width, height}, nil
}

func sweepLegend(policy string, s styles) legend {
	l := legend{[]entry{{"fixed&request_to_checkpoint=k", glyphMark(sweepDot(), sweepLine())}}}
	strategies := []string{"cold"}
	if policy != "" {
		strategies = append(strategies, policy)
	}
	l.entries = append(l.entries, s.legend(strategies).entries...)
	return l
}

// The sweep has the colour of the baseline, which is one of its points.
func sweepLine() draw.LineStyle {
	return draw.LineStyle{Color: vermilion(), Width: vg.Points(1.4)}
}

func sweepDot() draw.GlyphStyle {
	return draw.GlyphStyle{Color: vermilion(), Radius: vg.Points(2.6), Shape: draw.CircleGlyph{}}
}

func sweepPanel(w Sweep, policy string, s styles) (*plot.Plot, error) {
	p := newPanel(w.Benchmark, w.Rate)
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, logTicks{}
	p.Y.Tick.Marker = evenTicks{}
	var points plotter.XYs
	top := 0.001
	for _, at := range w.Points {
		points = append(points, plotter.XY{X: float64(max(1, at.K)), Y: at.MedianUS / 1000})
		top = max(top, at.MedianUS/1000)
	}
	line, err := plotter.NewLine(points)
	if err != nil {
		return nil, err
	}
	line.LineStyle = sweepLine()
	p.Add(curve{line}, dots{points, sweepDot()})
	for _, l := range []struct {
		strategy string
		us       *float64
	}{{"cold", w.ColdUS}, {policy, w.PolicyUS}} {
		if l.us != nil {
			p.Add(level{at: *l.us / 1000, style: s.line(l.strategy)})
			top = max(top, *l.us/1000)
		}
	}
	p.X.Min, p.X.Max = points[0].X/1.2, max(points[len(points)-1].X, points[0].X*2)*1.2
	p.Y.Min, p.Y.Max = 0, top*1.08
	return p, nil
}
