package evaluation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pronghorn-faas/pronghorn/benchmarks/harness"
)

// Run runs what is left of the evaluation and tells w what happens, which is a
// terminal of some width, or none if that is 0. Errors are those of
// harness.Run: after harness.ErrFailedRequests all is done, after
// harness.ErrInterrupted the same call goes on.
func Run(ctx context.Context, s Settings, w io.Writer, width int) error {
	if err := s.Check(); err != nil {
		return err
	}
	if s.Base.Fresh {
		if err := s.remove(); err != nil {
			return err
		}
		s.Base.Fresh = false
	}
	runs, costs, err := s.plan(ctx, w)
	if err != nil {
		return err
	}
	p := newProgress(w, width, runs, costs)
	var failed error
	for i, run := range runs {
		p.label = s.label(run)
		run.Progress = p
		fmt.Fprintf(w, "run %d of %d: %s, in the order of seed %d; logs in %s\n", i+1, len(runs), run.Out, run.Seed, filepath.Join(run.Work, "logs"))
		err := harness.Run(ctx, run)
		if err != nil && !errors.Is(err, harness.ErrFailedRequests) {
			return err
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

// remove removes what an earlier evaluation has left in the places of this one.
func (s Settings) remove() error {
	errs := []error{os.RemoveAll(s.calibrationDir()), os.RemoveAll(s.calibrationPath())}
	for _, run := range s.runs(nil) {
		errs = append(errs, harness.Remove(run))
	}
	return errors.Join(errs...)
}

// plan decides how many requests there are, and says so.
func (s Settings) plan(ctx context.Context, w io.Writer) ([]harness.Config, map[string]Cost, error) {
	if s.Budget == 0 {
		return s.runs(nil), nil, nil
	}
	fmt.Fprintf(w, "calibrating: what a request of each function takes, with every strategy\n")
	known, err := s.calibrate(ctx, func(name string, c Cost) { fmt.Fprintf(w, "  %-22s %s\n", name, s.describe(c)) })
	if err != nil {
		return nil, nil, err
	}
	left := time.Duration(float64(s.Budget-known.Took) * share)
	n, err := s.fit(known.Costs, left)
	if err != nil {
		return nil, nil, err
	}
	runs := s.runs(n)
	took := cost(runs, known.Costs)
	var total time.Duration
	for _, f := range s.Functions {
		total += took[f.Name]
		fmt.Fprintf(w, "  %-22s %s, about %s in all\n", f.Name, s.describeRequests(n[f.Name]), took[f.Name].Round(time.Second))
	}
	fmt.Fprintf(w, "all of it takes about %s\n", total.Round(time.Second))
	return runs, known.Costs, nil
}

// describeRequests says how many requests a configuration has.
func (s Settings) describeRequests(n map[int]int) string {
	if !s.ByRate {
		return fmt.Sprintf("%3d requests of each configuration", n[s.Base.Rates[0]])
	}
	var parts []string
	for _, rate := range s.Base.Rates {
		parts = append(parts, fmt.Sprintf("%d at rate %d", n[rate], rate))
	}
	return strings.Join(parts, ", ") + ", requests of each configuration"
}

// describe says what a request costs at rate 1.
func (s Settings) describe(c Cost) string {
	var parts []string
	for _, spec := range s.Base.Strategies {
		perRequest := c.perRequest(harness.Configuration{Strategy: spec, Rate: 1})
		parts = append(parts, fmt.Sprintf("%s %.2f s", spec, perRequest.Seconds()))
	}
	return fmt.Sprintf("a request at a worker that is up %.2f s, at rate 1 with %s", c.Request.Seconds(), strings.Join(parts, ", "))
}

// label tells repetitions and variants apart, where there are several.
func (s Settings) label(run harness.Config) string {
	var parts []string
	if s.Repetitions > 1 {
		parts = append(parts, filepath.Base(filepath.Dir(run.Out)))
	}
	if run.WorkerCPUs > 1 {
		parts = append(parts, fmt.Sprintf("%d CPUs", run.WorkerCPUs))
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(slices.Concat(parts, []string{""}), ", ")
}
