package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pronghorn-faas/pronghorn/benchmarks/report"
	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

// reportOptions are the flags of pronghorn report.
type reportOptions struct {
	output  string
	figures []string
	seed    uint64
}

// defaultSite is where the report of a directory goes.
const defaultSite = "report"

func newReportCommand() *cobra.Command {
	var opts reportOptions
	cmd := &cobra.Command{
		Use:   "report CSV... | DIRECTORY",
		Short: "Tables and figures of benchmark results",
		Long: `Report says what the results of benchmark runs mean.

Of CSV files it prints tables for each benchmark, eviction rate and strategy:
latencies, their change against ` + report.Baseline + `,
failures, and, from the files FILE.requests.csv and FILE.lifetimes.csv beside a
FILE.csv, what became of the lifetimes.

Of a directory it makes a page with the figures and tables of the paper, in
report/index.html, with each figure as SVG and PNG, each table as CSV, and all
numbers in summary.json. The results are the CSV files in the directory, and in
the directories run-* (repetitions) and variant-* (other conditions) below it.

What cannot be read is named and left out.`,
		Example: `  pronghorn report data/python-basic.csv
  pronghorn report data/*-evaluation.csv -o markdown --figure latency.svg
  pronghorn report data/
  pronghorn report data/ -o docs/results`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("no results: want the names of one or more CSV files, or of a directory")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return runReport(cmd.OutOrStdout(), cmd.ErrOrStderr(), args, opts)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&opts.output, "output", "o", "", `text, markdown or json to print tables, or the directory to write pages to
(default: text of files, "`+defaultSite+`" of a directory)`)
	flags.StringArrayVar(&opts.figures, "figure", nil, "draw the latency distributions into this .svg or .png file (repeatable)")
	flags.Uint64Var(&opts.seed, "seed", 1, "seed of the resamples for the confidence intervals")
	return cmd
}

func runReport(stdout, stderr io.Writer, paths []string, opts reportOptions) error {
	site, format, err := opts.destination(paths)
	if err != nil {
		return err
	}
	for _, path := range opts.figures {
		if _, err := report.ImageFormatOf(path); err != nil {
			return usagef("--figure: %w", err)
		}
	}
	data, problems, err := gatherResults(paths)
	warn(stderr, problems)
	if err != nil {
		return err
	}
	for _, path := range opts.figures {
		if err := drawFigure(path, data); err != nil {
			return err
		}
	}
	source := rand.NewPCG(opts.seed, 0)
	if site == "" {
		return report.New(data, source).Write(stdout, format)
	}
	evaluation := report.Evaluate(data, source, problems)
	warn(stderr, evaluation.Problems[len(problems):])
	page, err := evaluation.WriteSite(site)
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, page)
	return nil
}

// destination returns the directory to write pages to, or, if that is "", the
// format to print.
func (o reportOptions) destination(paths []string) (site string, format report.Format, err error) {
	ofDirectory := slices.ContainsFunc(paths, isDirectory)
	switch {
	case o.output == "" && !ofDirectory:
		return "", report.Text, nil
	case o.output == "":
		return defaultSite, "", nil
	}
	format, err = report.ParseFormat(o.output)
	if err == nil {
		return "", format, nil
	}
	// A bare word is rather a format that is none, unless it has to be a directory.
	if !ofDirectory && !strings.ContainsRune(o.output, filepath.Separator) && !isDirectory(o.output) {
		return "", "", usagef("--output: %w, or a directory such as ./%s", err, o.output)
	}
	for _, path := range paths {
		if sameDirectory(path, o.output) {
			return "", "", usagef("--output %q: that is where the results are: want another directory", o.output)
		}
	}
	return o.output, "", nil
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func sameDirectory(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

func warn(stderr io.Writer, problems []string) {
	for _, p := range problems {
		fmt.Fprintf(stderr, "pronghorn: warning: %s\n", p)
	}
}

// readResults reads the results at paths and what lies beside them.
func readResults(stderr io.Writer, paths []string) (results.Data, error) {
	data, problems, err := gatherResults(paths)
	warn(stderr, problems)
	return data, err
}

// drawFigure writes the file only when all of the figure is drawn.
func drawFigure(path string, data results.Data) error {
	format, err := report.ImageFormatOf(path)
	if err != nil {
		return err
	}
	var buf bytes.Buffer
	if err := report.Figure(&buf, data, format); err != nil {
		return err
	}
	if err := os.WriteFile(path, buf.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write figure: %w", err)
	}
	return nil
}
