package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

// ImageFormat is a form in which a figure is written.
type ImageFormat string

// The formats of a figure.
const (
	SVG ImageFormat = "svg"
	PNG ImageFormat = "png" // at 144 dots per inch
)

// ImageFormatOf returns the format that a file's extension asks for.
func ImageFormatOf(path string) (ImageFormat, error) {
	switch f := ImageFormat(strings.ToLower(strings.TrimPrefix(filepath.Ext(path), "."))); f {
	case SVG, PNG:
		return f, nil
	}
	return "", fmt.Errorf("figure %q: want a name that ends in .svg or .png", path)
}

// ErrNoLatencies says that there is nothing to draw.
var ErrNoLatencies = errors.New("no answered requests to draw")

// Figure draws the distributions of the client's latencies, as figure 4 of the
// paper does: a row for each benchmark, a column for each eviction rate, and in
// each panel one cumulative distribution for each strategy. The panels of a
// row share their axes.
func Figure(w io.Writer, data results.Data, format ImageFormat) error {
	f := newFigure(data)
	if len(f.benchmarks) == 0 {
		return ErrNoLatencies
	}
	canvas, err := newCanvas(format, f.width(), f.height())
	if err != nil {
		return err
	}
	if err := f.draw(draw.New(canvas)); err != nil {
		return fmt.Errorf("draw figure: %w", err)
	}
	return write(w, canvas, format)
}

// write writes what was drawn. An SVG names its font without a substitute, and
// most systems do not have it: those that can take its place are added.
func write(w io.Writer, canvas vg.CanvasWriterTo, format ImageFormat) error {
	var buf bytes.Buffer
	if _, err := canvas.WriteTo(&buf); err != nil {
		return fmt.Errorf("encode figure: %w", err)
	}
	image := buf.Bytes()
	if format == SVG {
		const family = "font-family:Liberation Sans"
		image = bytes.ReplaceAll(image, []byte(family), []byte(family+",Arimo,Arial,Helvetica,sans-serif"))
	}
	if _, err := w.Write(image); err != nil {
		return fmt.Errorf("write figure: %w", err)
	}
	return nil
}

func newCanvas(format ImageFormat, width, height vg.Length) (vg.CanvasWriterTo, error) {
	switch format {
	case SVG:
		return vgsvg.New(width, height), nil
	case PNG:
		return vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(144))}, nil
	}
	return nil, fmt.Errorf("image format %q: want svg or png", format)
}

// figureTitle also says what the rates in the titles of the panels are.
const figureTitle = "Client latency by eviction rate (requests per lifetime)"

// figure is a grid of panels.
type figure struct {
	benchmarks []string // the rows
	rates      []int    // the columns
	strategies []string // the lines
	latencies  map[Key][]float64
}

// newFigure sorts out what there is to draw. Latencies are in ms, ascending.
func newFigure(data results.Data) *figure {
	f := &figure{latencies: make(map[Key][]float64)}
	for _, g := range groups(data) {
		if len(g.rows) == 0 {
			continue
		}
		f.latencies[g.Key] = drawable(g.sample().sorted)
		f.benchmarks = append(f.benchmarks, g.Benchmark)
		f.rates = append(f.rates, g.Rate)
		f.strategies = append(f.strategies, g.Strategy)
	}
	slices.Sort(f.benchmarks)
	slices.Sort(f.rates)
	slices.SortFunc(f.strategies, compareStrategies)
	f.benchmarks = slices.Compact(f.benchmarks)
	f.rates = slices.Compact(f.rates)
	f.strategies = slices.Compact(f.strategies)
	return f
}

// drawable returns latencies in ms, raised to what a logarithmic axis can show.
func drawable(us []float64) []float64 {
	ms := make([]float64, len(us))
	for i, v := range us {
		ms[i] = max(1, v) / 1000
	}
	return ms
}

// Sizes of the parts of a figure.
const (
	panelWidth  = 3.1 * vg.Inch
	panelHeight = 1.75 * vg.Inch
	minWidth    = 6 * vg.Inch
	margin      = 0.15 * vg.Inch
	titleHeight = 0.35 * vg.Inch
	gap         = 0.12 * vg.Inch
)

func (f *figure) width() vg.Length {
	return max(minWidth, vg.Length(len(f.rates))*panelWidth+2*margin)
}

func (f *figure) height() vg.Length {
	return vg.Length(len(f.benchmarks))*panelHeight + titleHeight + f.legend().height(f.inner()) + 2*margin
}

// inner is the width between the margins.
func (f *figure) inner() vg.Length { return f.width() - 2*margin }

// draw draws the title, the legend below it, and the panels below that.
func (f *figure) draw(c draw.Canvas) error {
	panels, err := f.panels()
	if err != nil {
		return err
	}
	c.SetColor(white)
	c.Fill(c.Rectangle.Path())
	c = draw.Crop(c, margin, -margin, margin, -margin)
	c.FillText(titleStyle(), vg.Point{X: c.Min.X, Y: c.Max.Y}, figureTitle)

	legend := f.legend()
	c = draw.Crop(c, 0, 0, 0, -titleHeight)
	legend.draw(c)
	c = draw.Crop(c, 0, 0, 0, -legend.height(f.inner()))

	tiles := draw.Tiles{Rows: len(f.benchmarks), Cols: len(f.rates), PadX: gap, PadY: gap}
	for i, row := range plot.Align(panels, tiles, c) {
		for j, canvas := range row {
			if panels[i][j] != nil {
				panels[i][j].Draw(canvas)
			}
		}
	}
	return nil
}
