package report_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/benchmarks/machine"
	"github.com/pronghorn-faas/pronghorn/benchmarks/report"
	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

func TestExtentCountsByFunction(t *testing.T) {
	data := wholeEvaluation(1, 2, 20, "bfs", "word-count")
	short := wholeEvaluation(2, 1, 8, "mst")
	got := evaluate(plus(data, short)).Extents
	// Three rates of three strategies, and the sweep at one of them.
	all := func(n int) map[int]int { return map[int]int{1: n, 4: n, 20: n} }
	want := []report.Extent{
		{"bfs", 3, 9, 15, 2, 20, 20, all(20), 600, 0}, {"mst", 3, 9, 15, 1, 8, 8, all(8), 120, 0}, {"word-count", 3, 9, 15, 2, 20, 20, all(20), 600, 0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("extents (-want +got):\n%s", diff)
	}
}

func TestPageDescribesTheMachineOnce(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	data := wholeEvaluation(1, 2, 8, "bfs")
	d := &machine.Description{
		Info: machine.Info{CPUs: 2, CPU: "Abacus 9", Kernel: "6.1", Arch: "amd64"}, MemoryBytes: 8 << 30, System: "Debian",
		Begun: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Load: 0.25, Software: map[string]string{"CRIU": "Version: 4.2", "PyPy": "7.3"},
	}
	for _, run := range []string{"run-1", "run-2"} {
		data.Setups = append(data.Setups, results.Setup{Machine: d, Pause: "50ms", Source: results.SourceOf("data/" + run + "/python-evaluation.csv")})
	}
	data.Setups = append(data.Setups, results.Setup{Pause: "1s", Source: results.SourceOf("data/variant-2cpus/run-1/java-evaluation.csv")})
	dir := t.TempDir()
	writeSite(t, dir, data)
	page := read(t, dir, "index.html")
	if n := strings.Count(page, "Abacus 9; 2 CPUs; 8.0 GiB of memory; Debian; Linux 6.1; amd64; CRIU: 4.2; PyPy: 7.3"); n != 1 {
		t.Errorf("the machine is described %d times", n)
	}
	want := "run,variant,file,begun,load,worker_cpus,pause,settle,mutability,inputs,node_cache,seed\n" +
		"run-1,–,python-evaluation.csv,2026-01-02 03:04,0.2,1,50ms,,0,drawn anew,no,0\n" +
		"run-2,–,python-evaluation.csv,2026-01-02 03:04,0.2,1,50ms,,0,drawn anew,no,0\n" +
		"run-1,2cpus,java-evaluation.csv,–,–,1,1s,,0,drawn anew,no,0\n"
	if diff := cmp.Diff(want, read(t, dir, "runs.csv")); diff != "" {
		t.Errorf("runs.csv (-want +got):\n%s", diff)
	}
}
