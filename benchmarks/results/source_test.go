package results_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

func TestSources(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		"python-evaluation.csv", "python-evaluation.requests.csv", "python-evaluation.lifetimes.csv", "python-evaluation.svg",
		"run-1/python-evaluation.csv", "run-2/java-evaluation.csv", "old/python-evaluation.csv",
		"python-evaluation.work/functions/words.csv", "variant-2cpus/java-evaluation.csv", "variant-2cpus/run-3/java-evaluation.csv",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, path, "0,bfs,1,cold,4,100,90,0\n")
	}
	sources, err := results.Sources(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got [][3]string
	for _, s := range sources {
		name, _ := filepath.Rel(dir, s.Rows)
		got = append(got, [3]string{name, s.Run, s.Variant})
	}
	want := [][3]string{
		{"python-evaluation.csv", "", ""},
		{"run-1/python-evaluation.csv", "run-1", ""},
		{"run-2/java-evaluation.csv", "run-2", ""},
		{"variant-2cpus/java-evaluation.csv", "", "2cpus"},
		{"variant-2cpus/run-3/java-evaluation.csv", "run-3", "2cpus"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	data, _, err := sources[4].Salvage()
	if r := data.Rows[0]; err != nil || r.Run != "run-3" || r.Benchmark != "bfs@2cpus" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestSourcesOfNoDirectory(t *testing.T) {
	if _, err := results.Sources(filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Error("no error")
	}
}

func TestWithoutSomeConfigurations(t *testing.T) {
	data := run()
	one := data.Rows[0].Configuration()
	if n := data.Configurations()[one]; n != 1 {
		t.Errorf("%s: %d rows, want 1", one, n)
	}
	kept := data.Without(map[results.Configuration]bool{one: true})
	if len(kept.Rows) != 1 || len(kept.Requests) != 0 || len(kept.Lifetimes) != 2 {
		t.Errorf("kept %d rows, %d requests, %d lifetimes", len(kept.Rows), len(kept.Requests), len(kept.Lifetimes))
	}
}
