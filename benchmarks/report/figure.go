package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot/vg"
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
	d := newDistributions(groups(data), nil)
	if len(d.keys) == 0 {
		return ErrNoLatencies
	}
	g, err := d.grid(distributionsTitle)
	if err != nil {
		return err
	}
	return g.write(w, format)
}

// write writes what was drawn.
func write(w io.Writer, canvas vg.CanvasWriterTo, format ImageFormat) error {
	var buf bytes.Buffer
	if _, err := canvas.WriteTo(&buf); err != nil {
		return fmt.Errorf("encode figure: %w", err)
	}
	image := buf.Bytes()
	if format == SVG {
		image = withFonts(image)
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
