package report

import (
	"image/color"

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

// lineStyle is the style of the i-th strategy. The colours are those of Okabe
// and Ito, which colour-blind readers can tell apart; the dashes tell the lines
// apart in print, and the colours of a second round of strategies.
func lineStyle(i int) draw.LineStyle {
	colours := []color.RGBA{
		{0x00, 0x00, 0x00, 0xff}, // black
		{0xd5, 0x5e, 0x00, 0xff}, // vermilion
		{0x00, 0x72, 0xb2, 0xff}, // blue
		{0x00, 0x9e, 0x73, 0xff}, // green
		{0xcc, 0x79, 0xa7, 0xff}, // purple
		{0xe6, 0x9f, 0x00, 0xff}, // orange
		{0x56, 0xb4, 0xe9, 0xff}, // sky
	}
	dashes := [][]vg.Length{{1.5, 2}, {6, 2}, nil, {8, 2, 1.5, 2}, {3, 1.5}}
	return draw.LineStyle{
		Color:  colours[i%len(colours)],
		Width:  vg.Points(1.4),
		Dashes: dashes[i%len(dashes)],
	}
}

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
