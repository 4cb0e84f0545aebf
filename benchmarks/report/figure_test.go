package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/pronghorn-faas/pronghorn/benchmarks/report"
	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

func draw(t *testing.T, data results.Data, format report.ImageFormat) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := report.Figure(&buf, data, format); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// texts returns the words of an SVG.
func texts(t *testing.T, svg []byte) []string {
	t.Helper()
	var words []string
	dec := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return words
		}
		if err != nil {
			t.Fatalf("not an XML document: %v", err)
		}
		if word, ok := token.(xml.CharData); ok && strings.TrimSpace(string(word)) != "" {
			words = append(words, strings.TrimSpace(string(word)))
		}
	}
}

func TestFigureNamesItsPanelsAndLines(t *testing.T) {
	words := texts(t, draw(t, evaluation(1, "bfs", "mst"), report.SVG))
	for _, want := range []string{
		"bfs, rate 1", "bfs, rate 20", "mst, rate 4",
		cold, report.Baseline, request, "adaptive",
	} {
		if n := count(words, want); n != 1 {
			t.Errorf("%q stands %d times, want once", want, n)
		}
	}
}

func count(words []string, word string) int {
	return len(slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w != word }))
}

func TestFigureIsTheSameEachTime(t *testing.T) {
	data := evaluation(1, "bfs")
	if !bytes.Equal(draw(t, data, report.SVG), draw(t, data, report.SVG)) {
		t.Error("two figures of the same data differ")
	}
}

func TestFigureDrawsWhatThereIs(t *testing.T) {
	tests := map[string]results.Data{
		"one benchmark and rate": synthetic(1, config{"bfs", 4, cold, 50, 9e3, 0.1, nil}),
		"a single request":       synthetic(1, config{"bfs", 4, cold, 1, 9e3, 0.1, nil}),
		"latencies all alike":    synthetic(1, config{"bfs", 4, cold, 50, 9e3, 0, nil}),
		"latencies of nothing":   synthetic(1, config{"bfs", 4, cold, 50, 0, 0, nil}),
		"five orders of magnitude": synthetic(1,
			config{"bfs", 4, cold, 50, 1e7, 0.1, nil}, config{"bfs", 4, request, 50, 1e2, 0.1, nil}),
		"a grid with holes": synthetic(1,
			config{"bfs", 4, cold, 50, 9e3, 0.1, nil}, config{"mst", 1, cold, 50, 9e3, 0.1, nil}),
		"more strategies than colours": manyStrategies(12),
	}
	for name, data := range tests {
		t.Run(name, func(t *testing.T) {
			texts(t, draw(t, data, report.SVG))
		})
	}
}

func TestFigureAsPNG(t *testing.T) {
	data := synthetic(1, config{"bfs", 4, cold, 50, 9e3, 0.1, nil})
	image, err := png.Decode(bytes.NewReader(draw(t, data, report.PNG)))
	if err != nil {
		t.Fatal(err)
	}
	if size := image.Bounds().Size(); size.X != 6*144 {
		t.Errorf("%d pixels wide, want 6 inches of 144", size.X)
	}
}

func manyStrategies(n int) results.Data {
	var configs []config
	for i := range n {
		strategy := "fixed&request_to_checkpoint=" + strings.Repeat("1", i+1)
		configs = append(configs, config{"bfs", 4, strategy, 50, 1e3 * float64(i+5), 0.1, nil})
	}
	return synthetic(1, configs...)
}

func TestFigureOfNothing(t *testing.T) {
	if err := report.Figure(io.Discard, results.Data{}, report.SVG); !errors.Is(err, report.ErrNoLatencies) {
		t.Errorf("got %v, want ErrNoLatencies", err)
	}
}

func TestImageFormatOf(t *testing.T) {
	tests := map[string]struct {
		path, want string
		ok         bool
	}{
		"SVG":          {"a/b.svg", "svg", true},
		"PNG":          {"b.PNG", "png", true},
		"no extension": {"svg", "", false},
		"another one":  {"b.pdf", "", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := report.ImageFormatOf(tt.path)
			if string(got) != tt.want || (err == nil) != tt.ok {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}
