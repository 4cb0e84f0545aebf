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

// legend says what the marks of all panels are, once, above them.
type legend struct {
	entries []entry
}

// entry is a mark and its name. A mark draws itself between two points.
type entry struct {
	name string
	mark func(c draw.Canvas, from, to vg.Point)
}

func legendStyle() text.Style {
	return text.Style{Color: grey, Font: regular(10), Handler: plot.DefaultTextHandler, YAlign: draw.YCenter}
}

// lineMark is the mark of a line.
func lineMark(style draw.LineStyle) func(draw.Canvas, vg.Point, vg.Point) {
	return func(c draw.Canvas, from, to vg.Point) { c.StrokeLine2(style, from.X, from.Y, to.X, to.Y) }
}

// glyphMark is the mark of single points, on a line if that has a width.
func glyphMark(style draw.GlyphStyle, line draw.LineStyle) func(draw.Canvas, vg.Point, vg.Point) {
	return func(c draw.Canvas, from, to vg.Point) {
		if line.Width > 0 {
			c.StrokeLine2(line, from.X, from.Y, to.X, to.Y)
		}
		c.DrawGlyph(style, vg.Point{X: (from.X + to.X) / 2, Y: from.Y})
	}
}

// places returns where each entry starts in a legend of a width, counted from
// its top left corner, and the number of lines.
func (l legend) places(width vg.Length) ([]vg.Point, int) {
	style := legendStyle()
	places := make([]vg.Point, len(l.entries))
	var x vg.Length
	line := 0
	for i, e := range l.entries {
		w := swatchWidth + swatchGap + style.Width(e.name)
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
		l.entries[i].mark(c, vg.Point{X: x, Y: y}, vg.Point{X: x + swatchWidth, Y: y})
		c.FillText(legendStyle(), vg.Point{X: x + swatchWidth + swatchGap, Y: y}, l.entries[i].name)
	}
}
