package main

import (
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/pronghorn-faas/pronghorn/benchmarks/machine"
)

// report is what a run found; it is written as JSON.
type report struct {
	// Theirs says what ours was compared with.
	Theirs  string       `json:"theirs"`
	Machine machine.Info `json:"machine"`
	CPUs    cpuPlan      `json:"-"` // of the arrangement that is being measured
	// Arrangements are those that were measured, the one of the goals first.
	Arrangements []cpuPlan           `json:"arrangements"`
	Rounds       int                 `json:"rounds"`
	RoundSeconds float64             `json:"round_seconds"`
	Cases        []*result           `json:"cases"`
	Watchdogs    map[string]*program `json:"watchdogs"`
	// Snapshots says whether ours had them where it should; nil = not measured.
	Snapshots *worker `json:"snapshots,omitempty"`
}

// result is that of one case. SnapshotsOn is ours with snapshots over theirs;
// nil = not measured.
type result struct {
	Arrangement string `json:"arrangement"`
	load
	ratios
	SnapshotsOn *ratios             `json:"snapshots_on,omitempty"`
	Median      map[string]figures  `json:"median"`
	Samples     map[string][]sample `json:"samples"`
}

// ratios are ours over theirs, the median over the rounds of the ratio within a
// round.
type ratios struct {
	RPSRatio float64 `json:"rps_ratio"`
	P50Ratio float64 `json:"p50_ratio"`
	P99Ratio float64 `json:"p99_ratio"`
	CPURatio float64 `json:"cpu_ratio"`
	// WorkerCPURatio has the function's CPU on both sides.
	WorkerCPURatio float64 `json:"worker_cpu_ratio"`
}

func ratiosOf(ours, theirs []sample) ratios {
	return ratios{
		RPSRatio: pairwise(ours, theirs, rps, ratio), P50Ratio: pairwise(ours, theirs, p50, ratio),
		P99Ratio: pairwise(ours, theirs, p99, ratio), CPURatio: pairwise(ours, theirs, cpu, ratio),
		WorkerCPURatio: pairwise(ours, theirs, workerCPU, ratio),
	}
}

// figures are medians over the rounds. Added is the median of the difference to
// the function alone in the same round.
type figures struct {
	RPS      float64 `json:"rps"`
	P50      float64 `json:"p50_us"`
	P99      float64 `json:"p99_us"`
	AddedP50 float64 `json:"added_p50_us"`
	AddedP99 float64 `json:"added_p99_us"`
	CPU      float64 `json:"cpu_us"`
	// WorkerCPU is that of watchdog and function, and LoadIdle the idle share of
	// the load's CPU.
	WorkerCPU float64 `json:"worker_cpu_us"`
	LoadIdle  float64 `json:"load_idle"`
}

// program is a watchdog's binary and what it costs when nothing is sent.
type program struct {
	path         string
	control      *control  // what it is a worker of; nil = of nothing
	Bytes        int64     `json:"binary_bytes"`
	StartSamples []float64 `json:"start_ms"`
	// IdleSamples and AfterLoad are resident memory, before the first request
	// and a second after the last.
	// AnonymousSamples are the part of the former that is no file's.
	IdleSamples      []int64 `json:"idle_rss_bytes"`
	AnonymousSamples []int64 `json:"idle_anonymous_bytes"`
	AfterLoad        int64   `json:"after_load_rss_bytes"`
}

func newProgram(path string) (*program, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("watchdog: %w", err)
	}
	return &program{path: path, Bytes: info.Size()}, nil
}

func rps(s sample) float64 { return s.RPS }
func p50(s sample) float64 { return s.P50 }
func p99(s sample) float64 { return s.P99 }
func cpu(s sample) float64 { return s.CPU }

func workerCPU(s sample) float64 { return s.WorkerCPU }
func loadIdle(s sample) float64  { return s.LoadIdle }

func (c *result) summarize() {
	direct := c.Samples[nameFunction]
	difference := func(a, b float64) float64 { return a - b }
	c.ratios = ratiosOf(c.Samples[nameOurs], c.Samples[nameTheirs])
	if on := c.Samples[nameSnapshots]; on != nil {
		r := ratiosOf(on, c.Samples[nameTheirs])
		c.SnapshotsOn = &r
	}
	c.Median = map[string]figures{}
	for name, samples := range c.Samples {
		own := func(of func(sample) float64) float64 {
			return pairwise(samples, samples, of, func(a, _ float64) float64 { return a })
		}
		c.Median[name] = figures{
			RPS: own(rps), P50: own(p50), P99: own(p99), CPU: own(cpu), WorkerCPU: own(workerCPU), LoadIdle: own(loadIdle),
			AddedP50: pairwise(samples, direct, p50, difference), AddedP99: pairwise(samples, direct, p99, difference),
		}
	}
}

// ratio is 0 where there is nothing to compare with, which JSON could not hold.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// pairwise is the median over the rounds of what combine makes of both sides.
func pairwise(a, b []sample, of func(sample) float64, combine func(a, b float64) float64) float64 {
	values := make([]float64, 0, len(a))
	for i := range min(len(a), len(b)) {
		values = append(values, combine(of(a[i]), of(b[i])))
	}
	return median(values)
}

func median[T int64 | float64](values []T) T {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// check fails a run in which a request failed.
func (r *report) check() error {
	for _, c := range r.Cases {
		for name, samples := range c.Samples {
			for _, s := range samples {
				if s.Errors > 0 || s.Requests == 0 {
					return fmt.Errorf("%s, %s: %d connections failed, %d requests were answered", name, c.name(), s.Errors, s.Requests)
				}
			}
		}
	}
	return nil
}

// print writes the report as tables.
func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "theirs: %s\n%d CPUs (%s), Linux %s, %s\n", r.Theirs, r.Machine.CPUs, r.Machine.CPU, r.Machine.Kernel, r.Machine.Go)
	if s := r.Snapshots; s != nil {
		fmt.Fprintf(w, "%s: start %s, samples %s\n", nameSnapshots, s.Start, strings.Join(s.Samples, ", "))
		if !s.on() {
			fmt.Fprintln(w, "SNAPSHOTS WERE NOT ON: the lines that say so are those of a plain watchdog")
		}
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, p := range r.Arrangements {
		fmt.Fprintf(w, "\narrangement %s (%s)\n\n", p.Arrangement, p)
		r.printFigures(t, p.Arrangement)
		fmt.Fprintln(w)
		r.printRatios(t, p.Arrangement)
	}
	fmt.Fprintln(w)
	r.printPrograms(t)
}

// of are the cases of an arrangement.
func (r *report) of(arrangement string) iter.Seq[*result] {
	return func(yield func(*result) bool) {
		for _, c := range r.Cases {
			if c.Arrangement == arrangement && !yield(c) {
				return
			}
		}
	}
}

func (r *report) printFigures(t *tabwriter.Writer, arrangement string) {
	fmt.Fprintln(t, "connections\tbody\twatchdog\trequests/s\tp50 µs\tp99 µs\tadded p50\tadded p99\tCPU µs\twith function\tload idle\t")
	for c := range r.of(arrangement) {
		for _, name := range []string{nameFunction, nameOurs, nameSnapshots, nameTheirs} {
			if m, ok := c.Median[name]; ok {
				fmt.Fprintf(t, "%d\t%s\t%s\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.1f\t%.1f\t%.0f %%\t\n", c.Connections, c.Body, name, m.RPS, m.P50, m.P99, m.AddedP50, m.AddedP99, m.CPU, m.WorkerCPU, 100*m.LoadIdle)
			}
		}
	}
	_ = t.Flush()
}

func (r *report) printRatios(t *tabwriter.Writer, arrangement string) {
	fmt.Fprintln(t, "over theirs\tconnections\tbody\trequests/s\tp50\tp99\tCPU\twith function\t")
	for c := range r.of(arrangement) {
		line := func(name string, r ratios) {
			fmt.Fprintf(t, "%s\t%d\t%s\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t\n", name, c.Connections, c.Body, r.RPSRatio, r.P50Ratio, r.P99Ratio, r.CPURatio, r.WorkerCPURatio)
		}
		line(nameOurs, c.ratios)
		if c.SnapshotsOn != nil {
			line(nameSnapshots, *c.SnapshotsOn)
		}
	}
	_ = t.Flush()
}

func (r *report) printPrograms(t *tabwriter.Writer) {
	fmt.Fprintln(t, "watchdog\tbinary MB\tstart ms\tidle RSS MB\tof it anonymous\tRSS after load MB\t")
	for _, name := range r.names() {
		p := r.Watchdogs[name]
		fmt.Fprintf(t, "%s\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t\n", name, mega(p.Bytes), median(p.StartSamples), mega(median(p.IdleSamples)), mega(median(p.AnonymousSamples)), mega(p.AfterLoad))
	}
	_ = t.Flush()
}

func mega(bytes int64) float64 { return float64(bytes) / 1e6 }
