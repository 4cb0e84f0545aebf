package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// bars are what the ratios have to reach.
const (
	barPause, barStartWarm, barStartEmpty, barPool = 4, 3, 1.5, 15
	barCPU                                         = 1.5 // at most
)

// print writes the tables for people.
func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "%d CPUs (%s), Linux %s, %s; %d samples of each; network lock of the reference: %s\n", r.Machine.CPUs, r.Machine.CPU, r.Machine.Kernel, r.Machine.Go, r.N, r.NetworkLock)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, name := range r.names() {
		one := r.Runtimes[name]
		fmt.Fprintf(t, "\n%s (%s), image of %.1f MB, load of the machine %.1f to %.1f\n", name, one.Function, mega(one.ImageBytes), one.LoadBefore, one.LoadAfter)
		one.printPauses(t)
		one.printStarts(t)
		one.printSpending(t)
		one.printLineage(t)
	}
	r.printRatios(t)
	_ = t.Flush()
}

func (r *report) names() []string {
	var names []string
	for name := range r.Runtimes {
		names = append(names, name)
	}
	slices.Sort(names)
	slices.Reverse(names) // PyPy first
	return names
}

// row writes cells, the medians of values of a way.
func (s samples) row(w io.Writer, way string, names ...string) {
	cells := []string{way}
	for _, name := range names {
		if len(s.of(way, name)) == 0 {
			cells = append(cells, "")
			continue
		}
		value := s.median(way, name)
		if name == "bytes" {
			value /= 1e6
		}
		cells = append(cells, fmt.Sprintf("%.1f", value))
	}
	fmt.Fprintln(w, strings.Join(cells, "\t"))
}

func (one *result) printPauses(w io.Writer) {
	fmt.Fprintln(w, "\ncheckpoint\tgap ms\tsecond gap ms\tlongest answer ms\tusual gap ms\tdump ms\tMB sent\tfailed dumps")
	for _, way := range pauseWays() {
		if len(one.Pauses.of(way.name, "gap_ms")) == 0 {
			continue
		}
		one.Pauses.row(failing{w, one.Pauses.failures(way.name)}, way.name, "gap_ms", "second_gap_ms", "longest_answer_ms", "usual_gap_ms", "dump_ms", "bytes")
	}
	fmt.Fprintf(w, "memory copy of the same pages\t%.1f\n", median(one.CopyMS))
}

// failing adds a number to a line.
type failing struct {
	io.Writer
	n int
}

func (f failing) Write(line []byte) (int, error) {
	_, err := fmt.Fprintf(f.Writer, "%s\t%d\n", strings.TrimSuffix(string(line), "\n"), f.n)
	return len(line), err
}

func (one *result) printStarts(w io.Writer) {
	fmt.Fprintln(w, "\nstart\ttotal ms\tplan\tfetch\trestore\tfirst answer\tother\tMB received\tCPU ms")
	for _, way := range []string{startEmpty, startWarm, startWarmDisk, startNext} {
		one.Starts.row(w, way, "total_ms", "plan_ms", "fetch_ms", "start_ms", "answer_ms", "other_ms", "bytes", "cpu_ms")
	}
	for _, way := range []string{startTheirs, startTheirsKdat} {
		one.Starts.row(w, way, "total_ms", "list_ms", "download_ms", "restore_ms", "answer_ms", "none", "bytes", "cpu_ms")
	}
}

func (one *result) printSpending(w io.Writer) {
	fmt.Fprintln(w, "\ncheckpoint\tCPU ms")
	for _, way := range []string{spendOurs, spendTheirs, spendTheirsKdat} {
		one.Checkpoints.row(w, way, "cpu_ms")
	}
}

func (one *result) printLineage(w io.Writer) {
	fmt.Fprintln(w, "\nsnapshot at request\tfull copy MB\tpages\tzero\tshared\tnew\tstored MB\tup MB\tdown MB, empty\tdown MB, warm")
	for _, g := range one.Lineage {
		warm := ""
		if g.DownWarm >= 0 {
			warm = fmt.Sprintf("%.2f", mega(g.DownWarm))
		}
		fmt.Fprintf(w, "%d\t%.1f\t%d\t%d\t%d\t%d\t%.2f\t%.2f\t%.2f\t%s\n", g.RequestNumber, mega(g.Full), g.Pages, g.PagesZero, g.PagesShared, g.PagesNew,
			mega(g.Stored), mega(g.Up), mega(g.Down), warm)
	}
	fmt.Fprintf(w, "together\t%.1f\t\t\t\t\t%.2f\n", mega(one.FullBytes), mega(one.PoolBytes))
}

func (r *report) printRatios(w io.Writer) {
	names := r.names()
	fmt.Fprintf(w, "\nratio\t%s\tbar\n", strings.Join(names, "\t"))
	for _, row := range []struct {
		name   string
		values byRuntime
		bar    string
	}{
		{"pause_ratio", r.PauseRatio, atLeast(barPause)},
		{"start_ratio_warm", r.StartRatioWarm, atLeast(barStartWarm)},
		{"start_ratio_empty", r.StartRatioEmpty, atLeast(barStartEmpty)},
		{"pool_ratio", r.PoolRatio, atLeast(barPool)},
		{"checkpoint_cpu_ratio", r.CheckpointCPURatio, atMost(barCPU)},
		{"restore_cpu_ratio", r.RestoreCPURatio, atMost(barCPU)},
	} {
		row.values.print(w, names, row.name, row.bar)
	}
	var further []string
	for what := range r.Further {
		further = append(further, what)
	}
	slices.Sort(further)
	for _, what := range further {
		r.Further[what].print(w, names, what, "")
	}
}

func atLeast(bar float64) string { return fmt.Sprintf("≥ %g", bar) }
func atMost(bar float64) string  { return fmt.Sprintf("≤ %g", bar) }

func (v byRuntime) print(w io.Writer, names []string, what, bar string) {
	cells := []string{what}
	for _, name := range names {
		cells = append(cells, fmt.Sprintf("%.2f", v[name]))
	}
	fmt.Fprintln(w, strings.Join(append(cells, bar), "\t"))
}

func mega(bytes int64) float64 { return float64(bytes) / 1e6 }
