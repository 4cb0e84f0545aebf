package report

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"

	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

// Report is the summaries of a run and what they come to.
type Report struct {
	// Baseline is the strategy that changes refer to.
	Baseline  string    `json:"baseline"`
	Summaries []Summary `json:"summaries"`
	Overall   []Overall `json:"overall"`
}

// New reports on the data of one or more runs; see Summarise for the source.
func New(data results.Data, source rand.Source) Report {
	summaries := Summarise(data, source)
	return Report{Baseline: Baseline, Summaries: summaries, Overall: Overalls(summaries)}
}

// Format is a form in which a report is written.
type Format string

// The formats of a report.
const (
	Text     Format = "text" // aligned, for terminals
	Markdown Format = "markdown"
	JSON     Format = "json"
)

// ParseFormat returns the format of that name.
func ParseFormat(name string) (Format, error) {
	switch f := Format(name); f {
	case Text, Markdown, JSON:
		return f, nil
	}
	return "", fmt.Errorf("format %q: want text, markdown or json", name)
}

// Write writes the report in a format.
func (r Report) Write(w io.Writer, f Format) error {
	switch f {
	case Text:
		return writeTables(w, r.tables(), writeText)
	case Markdown:
		return writeTables(w, r.tables(), writeMarkdown)
	case JSON:
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false) // strategies hold an "&"
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	return fmt.Errorf("format %q: want text, markdown or json", f)
}
