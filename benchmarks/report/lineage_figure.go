package report

import (
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// lineageTitle is that of the figure of latencies by request number.
const lineageTitle = "Median client latency by request number of the process"

// Lengths of the longest stick, and of the shortest that can be seen, as shares
// of the panel.
const (
	stickShare = 0.25
	leastStick = 0.03
)

// lineageGrid draws latencies by request number, and where a policy took
// checkpoints and restored, of lineages whose strategies have styles. There has
// to be something.
func lineageGrid(lineages []Lineage, policy string, s styles) (grid, error) {
	byKey := make(map[Key]Lineage)
	var keys []Key
	var strategies []string
	for _, l := range lineages {
		byKey[l.Key] = l
		keys, strategies = append(keys, l.Key), append(strategies, l.Strategy)
	}
	all := newLayout(lineageTitle, keys)
	strategies = within(distinct(strategies, compareStrategies), maxLines, "strategies", &all.title)
	panels, err := all.panels(func(benchmark string, rate int) (*plot.Plot, error) {
		var some []Lineage
		for _, strategy := range strategies {
			if l, ok := byKey[Key{benchmark, rate, strategy}]; ok {
				some = append(some, l)
			}
		}
		return lineagePanel(some, policy, s)
	})
	if err != nil {
		return grid{}, err
	}
	nameAxes(panels, "request number", "latency (ms)")
	width, height := panelSize(len(panels))
	return grid{all.title, lineageLegend(strategies, s), panels, width, height + 0.2*vg.Inch}, nil
}

func lineageLegend(strategies []string, s styles) legend {
	l := s.legend(strategies)
	l.entries = append(l.entries,
		entry{"checkpoints after it (from below)", lineMark(checkpointStick())},
		entry{"starts from there (from above)", lineMark(startStick())})
	return l
}

func checkpointStick() draw.LineStyle {
	return draw.LineStyle{Color: orange(), Width: vg.Points(1.6)}
}

func startStick() draw.LineStyle {
	return draw.LineStyle{Color: sky(), Width: vg.Points(1.6)}
}

// lineagePanel is nil if there is nothing to draw.
func lineagePanel(some []Lineage, policy string, s styles) (*plot.Plot, error) {
	if len(some) == 0 {
		return nil, nil
	}
	p := newPanel(some[0].Benchmark, some[0].Rate)
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, logTicks{}
	low, high, last := math.Inf(1), 0.0, 1
	// The policy's line is the longest, and the others are on top of it.
	for _, l := range slices.Backward(some) {
		if l.Strategy == policy {
			addSticks(p, l)
		}
		points := l.curve()
		for _, at := range points {
			low, high, last = min(low, at.Y), max(high, at.Y), max(last, int(at.X))
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			return nil, err
		}
		line.LineStyle = s.line(l.Strategy)
		line.Width = vg.Points(1.1)
		p.Add(curve{line}, dots{points, draw.GlyphStyle{Color: line.Color, Radius: vg.Points(1.1), Shape: draw.CircleGlyph{}}})
	}
	p.X.Min, p.X.Max = 0, float64(last)+1
	p.X.Tick.Marker = evenTicks{}
	p.Y.Min, p.Y.Max = airy(low, high)
	// Room for the sticks, so that they cross the lines only where those wander.
	room := math.Pow(p.Y.Max/p.Y.Min, 0.25)
	p.Y.Min, p.Y.Max = p.Y.Min/room, p.Y.Max*room
	return p, nil
}

// curve is the medians in ms.
func (l Lineage) curve() plotter.XYs {
	var points plotter.XYs
	for _, at := range l.Points {
		if at.Requests > 0 {
			points = append(points, plotter.XY{X: float64(at.RequestNumber), Y: max(1, at.MedianUS) / 1000})
		}
	}
	return points
}

// addSticks draws the numbers of checkpoints and starts, in proportion to the
// highest of each.
func addSticks(p *plot.Plot, l Lineage) {
	checkpoints, starts := sticks{style: checkpointStick()}, sticks{style: startStick(), hang: true}
	mostCheckpoints, mostStarts := 1, 1
	for _, at := range l.Points {
		mostCheckpoints, mostStarts = max(mostCheckpoints, at.Checkpoints), max(mostStarts, at.Restores)
	}
	for _, at := range l.Points {
		checkpoints.add(at.RequestNumber, at.Checkpoints, mostCheckpoints)
		starts.add(at.RequestNumber, at.Restores, mostStarts)
	}
	p.Add(checkpoints, starts)
}

func (s *sticks) add(at, n, most int) {
	if n > 0 {
		s.at = append(s.at, float64(at))
		s.share = append(s.share, max(leastStick, stickShare*float64(n)/float64(most)))
	}
}
