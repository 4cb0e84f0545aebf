package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"

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

func newReportCommand() *cobra.Command {
	var opts reportOptions
	cmd := &cobra.Command{
		Use:   "report CSV...",
		Short: "Tables and figures of benchmark results",
		Long: `Report prints what the results of benchmark runs say about each benchmark,
eviction rate and strategy: latencies, their change against ` + report.Baseline + `,
failures, and, from the files FILE.requests.csv and FILE.lifetimes.csv beside a
FILE.csv, what became of the lifetimes.`,
		Example: `  pronghorn report data/python-basic.csv
  pronghorn report data/*-evaluation.csv -o markdown --figure latency.svg`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("no results: want the names of one or more CSV files")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return runReport(cmd.OutOrStdout(), cmd.ErrOrStderr(), args, opts)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&opts.output, "output", "o", "text", "text, markdown or json")
	flags.StringArrayVar(&opts.figures, "figure", nil, "draw the latency distributions into this .svg or .png file (repeatable)")
	flags.Uint64Var(&opts.seed, "seed", 1, "seed of the resamples for the confidence intervals")
	return cmd
}

func runReport(stdout, stderr io.Writer, paths []string, opts reportOptions) error {
	format, err := report.ParseFormat(opts.output)
	if err != nil {
		return usagef("--output: %w", err)
	}
	for _, path := range opts.figures {
		if _, err := report.ImageFormatOf(path); err != nil {
			return usagef("--figure: %w", err)
		}
	}
	data, err := readResults(stderr, paths)
	if err != nil {
		return err
	}
	for _, path := range opts.figures {
		if err := drawFigure(path, data); err != nil {
			return err
		}
	}
	return report.New(data, rand.NewPCG(opts.seed, 0)).Write(stdout, format)
}

// readResults reads the results at paths and what lies beside them.
func readResults(stderr io.Writer, paths []string) (results.Data, error) {
	var all results.Data
	origins := make(map[report.Key]string)
	for _, path := range paths {
		data, err := results.SetOf(path).Read()
		if errors.Is(err, results.ErrTorn) {
			fmt.Fprintf(stderr, "pronghorn: warning: %v; it is left out\n", err)
		} else if err != nil {
			return results.Data{}, err
		}
		if len(data.Rows)+len(data.Requests) == 0 {
			return results.Data{}, fmt.Errorf("%s: no rows", path)
		}
		if err := claim(origins, data, path); err != nil {
			return results.Data{}, err
		}
		all.Add(data)
	}
	return all, nil
}

// claim refuses a configuration that another file holds already: requests are
// told apart by their number in their configuration.
func claim(origins map[report.Key]string, data results.Data, path string) error {
	own := make(map[report.Key]bool)
	for _, r := range data.Rows {
		own[report.Key{Benchmark: r.Benchmark, Rate: r.Rate, Strategy: r.Strategy}] = true
	}
	for k := range own {
		if other, taken := origins[k]; taken {
			return fmt.Errorf("%s and %s both hold %s at rate %d with %s: report on them one by one",
				other, path, k.Benchmark, k.Rate, k.Strategy)
		}
		origins[k] = path
	}
	return nil
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
