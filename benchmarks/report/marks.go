package report

import (
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// dots are points without lines.
type dots struct {
	points plotter.XYs
	style  draw.GlyphStyle
}

// Plot draws those that lie in the panel.
func (d dots) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for _, at := range d.points {
		if inside(p, at) {
			c.DrawGlyphNoClip(d.style, vg.Point{X: x(at.X), Y: y(at.Y)})
		}
	}
}

func inside(p *plot.Plot, at plotter.XY) bool {
	return p.X.Min <= at.X && at.X <= p.X.Max && p.Y.Min <= at.Y && at.Y <= p.Y.Max
}

// sticks stand on the lower edge of a panel, or hang from the upper one.
type sticks struct {
	at    []float64 // on the x axis
	share []float64 // length, as a share of the panel
	hang  bool
	style draw.LineStyle
}

// Plot draws those that lie in the panel.
func (s sticks) Plot(c draw.Canvas, p *plot.Plot) {
	x, _ := p.Transforms(&c)
	for i, at := range s.at {
		if at < p.X.Min || at > p.X.Max {
			continue
		}
		from, to := c.Min.Y, c.Min.Y+vg.Length(s.share[i])*c.Size().Y
		if s.hang {
			from, to = c.Max.Y, c.Max.Y-vg.Length(s.share[i])*c.Size().Y
		}
		c.StrokeLine2(s.style, x(at), from, x(at), to)
	}
}

// level is a line from edge to edge.
type level struct {
	at      float64
	upright bool // at a value of x, not of y
	style   draw.LineStyle
}

// Plot draws the line if it lies in the panel.
func (l level) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	switch {
	case l.upright && p.X.Min <= l.at && l.at <= p.X.Max:
		c.StrokeLine2(l.style, x(l.at), c.Min.Y, x(l.at), c.Max.Y)
	case !l.upright && p.Y.Min <= l.at && l.at <= p.Y.Max:
		c.StrokeLine2(l.style, c.Min.X, y(l.at), c.Max.X, y(l.at))
	}
}

// interval is a range on the x axis, cut off at the edges of the panel.
type interval struct {
	low, high, y float64
	style        draw.LineStyle
}

// Plot draws the interval if any of it lies in the panel.
func (i interval) Plot(c draw.Canvas, p *plot.Plot) {
	low, high := max(i.low, p.X.Min), min(i.high, p.X.Max)
	if low > high {
		return
	}
	x, y := p.Transforms(&c)
	c.StrokeLine2(i.style, x(low), y(i.y), x(high), y(i.y))
}
