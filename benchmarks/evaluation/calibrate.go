package evaluation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/pronghorn-faas/pronghorn/benchmarks/harness"
	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

// calibrationRequests is how many requests each strategy of a function is sent
// to learn what it costs.
const calibrationRequests = 5

// calibration is what the functions cost on this machine. It is kept beside the
// results, so that an evaluation that goes on makes the same choice.
type calibration struct {
	Costs map[string]Cost `json:"costs"`
	// Took is how long it took to find out, which is part of the budget.
	Took time.Duration `json:"took_ns"`
}

func (s Settings) calibrationPath() string { return filepath.Join(s.Data, "calibration.json") }

// calibrate measures the functions that have not been measured yet.
func (s Settings) calibrate(ctx context.Context, tell func(string, Cost)) (calibration, error) {
	known, err := readCalibration(s.calibrationPath())
	if err != nil {
		return known, err
	}
	for _, f := range s.Functions {
		cost, ok := known.Costs[f.Name]
		if !ok || !s.isComplete(cost) {
			begin := time.Now()
			if cost, err = s.measure(ctx, f); err != nil {
				return known, fmt.Errorf("calibrate %s: %w", f.Name, err)
			}
			known.Costs[f.Name], known.Took = cost, known.Took+time.Since(begin)
			if err := writeCalibration(s.calibrationPath(), known); err != nil {
				return known, err
			}
		}
		tell(f.Name, cost)
	}
	return known, os.RemoveAll(s.calibrationDir())
}

// isComplete reports whether all strategies were measured.
func (s Settings) isComplete(c Cost) bool {
	return !slices.ContainsFunc(s.Base.Strategies, func(spec string) bool { _, ok := c.Lifetime[spec]; return !ok })
}

func (s Settings) calibrationDir() string { return filepath.Join(s.Data, "calibration") }

// measure runs each strategy of a function for a few requests at rate 1, where
// each of them is a lifetime.
func (s Settings) measure(ctx context.Context, f harness.Function) (Cost, error) {
	c := s.run(f.Language, "", 1, nil)
	c.Functions, c.More, c.MoreRates, c.RequestsOf = []string{f.Name}, nil, nil, nil
	c.Rates, c.Requests, c.Fresh = []int{1}, calibrationRequests, true
	c.Out = filepath.Join(s.calibrationDir(), f.Name+".csv")
	c.Work = filepath.Join(s.calibrationDir(), f.Name+".work")
	w := &stopwatch{}
	c.Progress = w
	for _, strategy := range s.Base.Strategies {
		c.Strategies = []string{strategy}
		if err := harness.Run(ctx, c); err != nil {
			return Cost{}, err
		}
	}
	return costOf(w.cells, c.Pause), nil
}

// stopwatch is a Progress that measures how long everything takes.
type stopwatch struct {
	cells []measured
	last  time.Time
}

// Start does nothing: assembling the functions belongs to no cell.
func (w *stopwatch) Start([]harness.Step, func(harness.Configuration) int) {}

// Begin begins a cell. There is one in each run that is measured.
func (w *stopwatch) Begin(c harness.Configuration, _ int) {
	w.last = time.Now()
	w.cells = append(w.cells, measured{Configuration: c})
}

// Request notes when a request was answered.
func (w *stopwatch) Request(r results.RequestRow) {
	cell := &w.cells[len(w.cells)-1]
	now := time.Now()
	if len(cell.latencies) == 0 {
		cell.stage += now.Sub(w.last)
	} else {
		cell.periods = append(cell.periods, now.Sub(w.last))
	}
	cell.latencies = append(cell.latencies, time.Duration(r.ClientUS-r.WaitUS)*time.Microsecond)
	w.last = now
}

// End ends the cell.
func (w *stopwatch) End() {
	if n := len(w.cells); n > 0 {
		w.cells[n-1].stage += time.Since(w.last)
	}
}

// readCalibration is an empty one where there is none yet.
func readCalibration(path string) (calibration, error) {
	c := calibration{Costs: make(map[string]Cost)}
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	if err != nil {
		return c, fmt.Errorf("read the calibration: %s: %w: remove it to calibrate again", path, err)
	}
	return c, nil
}

// writeCalibration replaces the file in one step.
func writeCalibration(path string, c calibration) error {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("keep the calibration: %w", err)
	}
	return os.Rename(path+".new", path)
}
