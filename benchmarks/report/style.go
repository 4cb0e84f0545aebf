package report

import (
	"image/color"
	"slices"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Shades of what is not data.
const (
	white = shade(0xff)
	pale  = shade(0xe2)
	grey  = shade(0x44)
)

// shade is a colour between black and white.
type shade uint8

// RGBA makes a shade a colour.
func (s shade) RGBA() (r, g, b, a uint32) { return color.Gray{Y: uint8(s)}.RGBA() }

// styles are strategies in the order in which they are given styles, so that a
// strategy looks the same in all figures of a report.
type styles []string

// line is the style of the line of a strategy.
func (s styles) line(strategy string) draw.LineStyle {
	return lineStyle(max(0, slices.Index(s, strategy)))
}

func (s styles) legend(strategies []string) legend {
	var l legend
	for _, name := range strategies {
		l.entries = append(l.entries, entry{name, lineMark(s.line(name))})
	}
	return l
}

// lineStyle is the style of the i-th strategy. The colours are those of Okabe
// and Ito, which colour-blind readers can tell apart; the dashes tell the lines
// apart in print, and the colours of a second round of strategies.
func lineStyle(i int) draw.LineStyle {
	colours := []color.RGBA{black(), vermilion(), blue(), green(), purple(), orange(), sky()}
	dashes := [][]vg.Length{{1.5, 2}, {6, 2}, nil, {8, 2, 1.5, 2}, {3, 1.5}}
	return draw.LineStyle{
		Color:  colours[i%len(colours)],
		Width:  vg.Points(1.4),
		Dashes: dashes[i%len(dashes)],
	}
}

func black() color.RGBA     { return color.RGBA{0x00, 0x00, 0x00, 0xff} }
func vermilion() color.RGBA { return color.RGBA{0xd5, 0x5e, 0x00, 0xff} }
func blue() color.RGBA      { return color.RGBA{0x00, 0x72, 0xb2, 0xff} }
func green() color.RGBA     { return color.RGBA{0x00, 0x9e, 0x73, 0xff} }
func purple() color.RGBA    { return color.RGBA{0xcc, 0x79, 0xa7, 0xff} }
func orange() color.RGBA    { return color.RGBA{0xe6, 0x9f, 0x00, 0xff} }
func sky() color.RGBA       { return color.RGBA{0x56, 0xb4, 0xe9, 0xff} }

func regular(size float64) font.Font {
	return font.Font{Typeface: "Liberation", Variant: "Sans", Size: vg.Points(size)}
}

func bold(size float64) font.Font {
	f := regular(size)
	f.Weight = xfont.WeightBold
	return f
}

// titleStyle is the style of the title of a figure.
func titleStyle() text.Style {
	return text.Style{
		Color: grey, Font: bold(13), Handler: plot.DefaultTextHandler,
		XAlign: draw.XLeft, YAlign: draw.YTop,
	}
}

// newGrid returns the lines behind the data.
func newGrid() *plotter.Grid {
	g := plotter.NewGrid()
	style := draw.LineStyle{Color: pale, Width: vg.Points(0.5)}
	g.Vertical, g.Horizontal = style, style
	return g
}
