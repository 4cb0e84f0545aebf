package report

import (
	"fmt"
	"io"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Bounds of a figure, so that garbage in the data does not make one of
// gigabytes. What lies beyond is left out, and the title says so.
const (
	maxRows    = 24
	maxColumns = 8
	maxLines   = 14
)

// Sizes of the parts of a figure.
const (
	minWidth    = 6 * vg.Inch
	margin      = 0.15 * vg.Inch
	titleHeight = 0.35 * vg.Inch
	gap         = 0.12 * vg.Inch
	// Panels have a line for their titles above them.
	panelTitleHeight = 0.2 * vg.Inch
)

// grid is a figure: panels in rows and columns, nil where there is none, below
// a title and a legend.
type grid struct {
	title  string
	legend legend
	panels [][]*plot.Plot
	// width and height are those of a panel.
	width, height vg.Length
}

// panelSize is smaller in figures of many rows, which have to fit on a page.
func panelSize(rows int) (width, height vg.Length) {
	if rows > 3 {
		return 2.45 * vg.Inch, 1.32 * vg.Inch
	}
	return 3.1 * vg.Inch, 1.75 * vg.Inch
}

func (g grid) totalWidth() vg.Length {
	inner := max(vg.Length(len(g.panels[0]))*g.width, titleStyle().Width(g.title))
	return max(minWidth, inner+2*margin)
}

func (g grid) totalHeight() vg.Length {
	return vg.Length(len(g.panels))*g.height + titleHeight + g.legend.height(g.totalWidth()-2*margin) + 2*margin
}

// write draws the figure and writes it in a format.
func (g grid) write(w io.Writer, format ImageFormat) error {
	canvas, err := newCanvas(format, g.totalWidth(), g.totalHeight())
	if err != nil {
		return err
	}
	g.draw(draw.New(canvas))
	return write(w, canvas, format)
}

// draw draws the title, the legend below it, and the panels below that.
func (g grid) draw(c draw.Canvas) {
	c.SetColor(white)
	c.Fill(c.Rectangle.Path())
	c = draw.Crop(c, margin, -margin, margin, -margin)
	c.FillText(titleStyle(), vg.Point{X: c.Min.X, Y: c.Max.Y}, g.title)

	c = draw.Crop(c, 0, 0, 0, -titleHeight)
	g.legend.draw(c)
	c = draw.Crop(c, 0, 0, 0, -g.legend.height(c.Size().X))

	titles, back := g.takeTitles()
	defer back()
	tiles := draw.Tiles{
		Rows: len(g.panels), Cols: len(g.panels[0]), PadX: gap, PadY: gap + panelTitleHeight, PadTop: panelTitleHeight,
	}
	for i, row := range plot.Align(g.panels, tiles, c) {
		for j, canvas := range row {
			if p := g.panels[i][j]; p != nil {
				p.Draw(canvas)
				drawTitle(p.DataCanvas(canvas), titles[i][j])
			}
		}
	}
}

// takeTitles takes the titles off the panels, which would put them at heights
// that depend on the labels of their axes. The second result puts them back.
func (g grid) takeTitles() (titles [][]string, back func()) {
	titles = make([][]string, len(g.panels))
	for i, row := range g.panels {
		titles[i] = make([]string, len(row))
		for j, p := range row {
			if p != nil {
				titles[i][j], p.Title.Text = p.Title.Text, ""
			}
		}
	}
	return titles, func() {
		for i, row := range g.panels {
			for j, p := range row {
				if p != nil {
					p.Title.Text = titles[i][j]
				}
			}
		}
	}
}

// drawTitle draws the title of a panel above its data.
func drawTitle(c draw.Canvas, title string) {
	style := titleStyle()
	style.Color, style.Font, style.XAlign, style.YAlign = black(), bold(10), draw.XCenter, draw.YBottom
	c.FillText(style, vg.Point{X: (c.Min.X + c.Max.X) / 2, Y: c.Max.Y + vg.Points(5)}, title)
}

// within cuts a list to what a figure holds, and says in its title how much of
// it is missing.
func within[T any](list []T, most int, what string, title *string) []T {
	if len(list) <= most {
		return list
	}
	*title += fmt.Sprintf("; %d %s left out", len(list)-most, what)
	return list[:most]
}

// wrap breaks a single column of panels into rows of three.
func wrap(panels [][]*plot.Plot) [][]*plot.Plot {
	const width = 3
	if len(panels) < 2 || len(panels[0]) > 1 {
		return panels
	}
	var rows [][]*plot.Plot
	for i, one := range panels {
		if i%width == 0 {
			rows = append(rows, make([]*plot.Plot, min(width, len(panels))))
		}
		rows[i/width][i%width] = one[0]
	}
	return rows
}
