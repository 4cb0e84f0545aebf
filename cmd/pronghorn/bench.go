package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/pronghorn-faas/pronghorn/benchmarks/harness"
	"github.com/pronghorn-faas/pronghorn/snapshot/criu"
)

const benchLong = `Run the benchmarks on this machine: each function with each strategy at each
eviction rate, in a worker of its own, without containers. It needs root.

  bench basic            bfs, a few minutes
  bench suite pypy|jvm   all functions of a language
  bench evaluation       all functions, repeated, on two CPUs, with fixed snapshots
                         for comparison, and the report of it all
  bench --functions …    what the flags say

With --gateway the functions run behind an OpenFaaS gateway instead, each
configuration deployed by faas-cli; evaluation then is all functions, once.

Results go to data/LANGUAGE-TEST.csv and files beside it, those of an evaluation
to data/run-1/, data/run-2/, … and data/variant-2cpus/; figures and a table, or
the report, are made of them at the end. An interrupted run goes on when it is
started again.

The environment variables FUNCTIONS, STRATEGIES, RATES and REQUESTS, of an
evaluation BUDGET, REPETITIONS and SWEEP too, stand for the flags of that name;
lists are separated by spaces or commas.`

func newBenchCommand() *cobra.Command {
	var o benchOptions
	cmd := &cobra.Command{
		Use:   "bench [basic | suite pypy|jvm | evaluation]",
		Short: "Run the benchmarks",
		Long:  benchLong,
		Example: `  pronghorn bench basic
  pronghorn bench suite jvm --requests 100
  pronghorn bench evaluation --budget 60m
  pronghorn bench basic --gateway http://127.0.0.1:8080 --kv http://127.0.0.1:5000 --token-file token
  pronghorn bench --functions bfs --strategies cold,request_centric --rates 4 --out data/mine.csv`,
		Args: cobra.ArbitraryArgs, // parsePreset knows better what is wrong
		RunE: func(cmd *cobra.Command, args []string) error {
			return runBench(cmd, args, o)
		},
	}
	o.addFlags(cmd)
	return cmd
}

func runBench(cmd *cobra.Command, args []string, o benchOptions) error {
	p, err := parsePreset(args)
	if err != nil {
		return err
	}
	if err := o.complete(p, cmd.Flags().Changed, os.Getenv); err != nil {
		return err
	}
	all, err := harness.Functions(cmd.Context(), o.benchmarks)
	if err != nil {
		return usagef("--benchmarks %q: %w", o.benchmarks, err)
	}
	if p.name == presetEvaluation && o.url == "" {
		asked := cmd.Flags().Changed("sweep") || os.Getenv("SWEEP") != ""
		s, err := o.settings(p, all, asked)
		if err != nil {
			return err
		}
		if err := s.Check(); err != nil {
			return usageError{err}
		}
		if err := canRun(o.strategies); err != nil {
			return err
		}
		return runEvaluation(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), s, o.report)
	}
	jobs, err := o.jobs(p, all)
	if err != nil {
		return err
	}
	for _, job := range jobs {
		if err := job.Check(); err != nil {
			return usageError{err}
		}
	}
	if err := o.canRun(); err != nil {
		return err
	}
	return runJobs(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), jobs)
}

// canRun says what is missing for the jobs.
func (o benchOptions) canRun() error {
	if o.url != "" {
		return nil // the cluster knows
	}
	return canRun(o.strategies)
}

// canRun says what is missing on this machine, before anything is started.
func canRun(strategies []string) error {
	if os.Geteuid() != 0 {
		return errors.New("the benchmarks need root, for namespaces and CRIU: run as root, for instance with sudo")
	}
	if slices.Equal(strategies, []string{"cold"}) {
		return nil
	}
	if _, err := criu.Find(os.Getenv("PRONGHORN_CRIU")); err != nil {
		return fmt.Errorf("%w: run scripts/setup.sh criu, or name one in PRONGHORN_CRIU", err)
	}
	return nil
}

// runJobs runs one job after the other and reports on all that there is, also
// when requests have failed.
func runJobs(ctx context.Context, stdout, stderr io.Writer, jobs []harness.Config) error {
	var failed error
	var paths []string
	for _, job := range jobs {
		fmt.Fprintf(stderr, "%s, in the order of seed %d; logs in %s\n", job.Out, job.Seed, filepath.Join(job.Work, "logs"))
		job.Progress = newProgress(stderr)
		err := harness.Run(ctx, job)
		if err != nil && !errors.Is(err, harness.ErrFailedRequests) {
			return err
		}
		failed = errors.Join(failed, err)
		paths = append(paths, job.Out)
		if err := drawBeside(stderr, job.Out); err != nil {
			return errors.Join(failed, err)
		}
	}
	fmt.Fprintln(stdout)
	return errors.Join(failed, runReport(stdout, stderr, paths, reportOptions{output: "text", seed: 1}))
}

// drawBeside draws the figures of a file of results next to it.
func drawBeside(stderr io.Writer, path string) error {
	data, err := readResults(stderr, []string{path})
	if err != nil {
		return err
	}
	if len(data.Rows) == 0 {
		return nil // all requests failed, which is reported
	}
	base := strings.TrimSuffix(path, filepath.Ext(path))
	for _, figure := range []string{base + ".svg", base + ".png"} {
		if err := drawFigure(figure, data); err != nil {
			return err
		}
		fmt.Fprintln(stderr, "wrote", figure)
	}
	return nil
}

func newProgress(w io.Writer) harness.Progress {
	if isTerminal(w) {
		return harness.NewBar(w)
	}
	return harness.NewLines(w)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
