package report

import (
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Sizes of the parts of a legend.
const (
	swatchWidth  = 30 * vg.Length(1) // points
	swatchGap    = 5 * vg.Length(1)
	entryGap     = 20 * vg.Length(1)
	legendLine   = 16 * vg.Length(1)
	legendMargin = 8 * vg.Length(1)
)

// legend names the lines of all panels, once, above them.
type legend struct {
	names []string
	style text.Style
}

func (f *figure) legend() legend {
	return legend{names: f.strategies, style: text.Style{
		Color: grey, Font: regular(10), Handler: plot.DefaultTextHandler, YAlign: draw.YCenter,
	}}
}

// places returns where each entry starts in a legend of a width, counted from
// its top left corner, and the number of lines.
func (l legend) places(width vg.Length) ([]vg.Point, int) {
	places := make([]vg.Point, len(l.names))
	var x vg.Length
	line := 0
	for i, name := range l.names {
		w := swatchWidth + swatchGap + l.style.Width(name)
		if x > 0 && x+w > width {
			x = 0
			line++
		}
		places[i] = vg.Point{X: x, Y: -legendLine * (vg.Length(line) + 0.5)}
		x += w + entryGap
	}
	return places, line + 1
}

// height is that of a legend of a width, with the space below it.
func (l legend) height(width vg.Length) vg.Length {
	_, lines := l.places(width)
	return vg.Length(lines)*legendLine + legendMargin
}

// draw draws the legend at the top of a canvas.
func (l legend) draw(c draw.Canvas) {
	places, _ := l.places(c.Size().X)
	for i, at := range places {
		x, y := c.Min.X+at.X, c.Max.Y+at.Y
		c.StrokeLine2(lineStyle(i), x, y, x+swatchWidth, y)
		c.FillText(l.style, vg.Point{X: x + swatchWidth + swatchGap, Y: y}, l.names[i])
	}
}
