package results_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

func TestSalvageKeepsWhatCanBeRead(t *testing.T) {
	const good = "0,bfs,1,cold,4,100,90,0\n"
	tests := map[string]struct {
		text string
		rows int
		want string // the complaint; "" = none
	}{
		"a good file":       {good + good, 2, ""},
		"nothing":           {"", 0, ""},
		"empty lines":       {good + "\n\n" + good, 2, ""},
		"a missing cell":    {good + "1,bfs,1,cold,4,,90,0\n" + good, 2, `x.csv:2: column client_us: "": want a whole number of 0 or more; it is left out`},
		"missing columns":   {good + "1,bfs,1\n" + good, 2, `x.csv:2: 3 columns: want 8; it is left out`},
		"a stray quote":     {"1,b\"fs,1,cold,4,1,2,3\n" + good, 1, `x.csv:1: character 4: bare " in non-quoted-field; it is left out`},
		"an open quote":     {"\"1,bfs,1,cold,4,1,2,3\n" + good + good, 2, `x.csv:1: character 23: extraneous or missing " in quoted-field; it is left out`},
		"binary garbage":    {good + "\x00\xff\xfe\n" + good, 2, `x.csv:2: 1 columns: want 8; it is left out`},
		"a torn line":       {good + "1,bfs,1,cold,4,1", 1, `x.csv:2: the last line is unfinished; it is left out`},
		"bad and then torn": {"x\n" + good + "1,bfs,1,cold,4,1,2,3", 1, `x.csv:1: 1 columns: want 8; it is left out`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			rows, complaints := results.Salvage[results.Row]([]byte(tt.text), "x.csv")
			got := ""
			if len(complaints) > 0 {
				got = complaints[0].Error()
			}
			if len(rows) != tt.rows || got != tt.want {
				t.Errorf("%d rows, %q\nwant %d, %q", len(rows), got, tt.rows, tt.want)
			}
		})
	}
}

func TestSalvageComplainsShortlyOfManyLines(t *testing.T) {
	_, complaints := results.Salvage[results.Row]([]byte(strings.Repeat("?\n", 1000)), "x.csv")
	if n := len(complaints); n != 11 || complaints[10].Error() != "x.csv: 990 more lines are left out" {
		t.Errorf("%d complaints, the last: %v", n, complaints[n-1])
	}
}

func TestSalvageLeavesOutAFileWithAnotherHeader(t *testing.T) {
	rows, complaints := results.Salvage[results.RequestRow]([]byte("a,b\n1,2\n"), "x.csv")
	if len(rows) != 0 || fmt.Sprint(complaints) != `[x.csv:1: 2 columns: want 13; the file is left out]` {
		t.Errorf("%d rows, %v", len(rows), complaints)
	}
}

func TestSalvageSet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.csv")
	if _, _, err := results.SetOf(path).Salvage(); err == nil {
		t.Error("no error for a missing file")
	}
	writeFile(t, path, "0,bfs,1,cold,4,100,90,0\n")
	writeFile(t, results.SetOf(path).Requests, "garbage\n")
	data, complaints, err := results.SetOf(path).Salvage()
	if err != nil || len(data.Rows) != 1 || data.Requests != nil || len(complaints) != 1 {
		t.Errorf("%+v, %v, %v", data, complaints, err)
	}
}

// The artifact counts from 1 and writes Python floats.
func TestTheArtifactsOwnRows(t *testing.T) {
	got, err := results.Parse[results.Row](strings.NewReader(
		"1,bfs,1,cold,4,20131.0,19876,310\n2,simple-hash,1,cold,4,4203.5,1800,0\n3,mst,1,cold,4,1.2e4,9000.75,-0.25\n"), "x.csv")
	want := []results.Row{
		{RequestNumber: 1, Benchmark: "bfs", Mutability: 1, Strategy: "cold", Rate: 4, ClientUS: 20131, ServerUS: 19876, OverheadUS: 310},
		{RequestNumber: 2, Benchmark: "simple-hash", Mutability: 1, Strategy: "cold", Rate: 4, ClientUS: 4204, ServerUS: 1800},
		{RequestNumber: 3, Benchmark: "mst", Mutability: 1, Strategy: "cold", Rate: 4, ClientUS: 12000, ServerUS: 9001},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
}

// Files from before gc_us go on without it.
func TestAFileWithoutAnOptionalColumn(t *testing.T) {
	old := strings.NewReplacer(",gc_us\n", "\n", ",1200\n", "\n", "thrice\",\n", "thrice\"\n").
		Replace(readFile(t, "testdata/run.requests.csv"))
	path := filepath.Join(t.TempDir(), "x.requests.csv")
	writeFile(t, path, old)
	appendAll(t, path, run().Requests)
	rows, err := results.Read[results.RequestRow](path)
	if err != nil || len(rows) != 4 || rows[0].GCUS != nil || rows[2].GCUS != nil {
		t.Errorf("%v, %+v", err, rows)
	}
	if got := readFile(t, path); !strings.HasPrefix(got, old) || strings.Contains(got, "gc_us") {
		t.Errorf("the file's columns have changed:\n%s", got)
	}
}

// Whatever bytes a file holds, what can be read of it can be read again.
func FuzzSalvage(f *testing.F) {
	f.Add([]byte("0,bfs,1,cold,4,100,90,0\n,,,\n\"\n0,bfs,1,cold,4,100,90,0"))
	f.Add([]byte(readFile(f, "testdata/run.requests.csv")))
	f.Add([]byte(readFile(f, "testdata/run.lifetimes.csv")))
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, complaints := results.Salvage[results.Row](data, "x.csv")
		if n := strings.Count(string(data), "\n") + 1; len(rows)+min(1, len(complaints)) > n {
			t.Errorf("%d rows and %d complaints from %d lines", len(rows), len(complaints), n)
		}
		again, complaints := results.Salvage[results.Row](rewrite(t, rows), "again.csv")
		if len(again) != len(rows) || len(complaints) != 0 {
			t.Errorf("%d of %d rows again, %v", len(again), len(rows), complaints)
		}
		results.Salvage[results.RequestRow](data, "x.requests.csv")
		results.Salvage[results.LifetimeRow](data, "x.lifetimes.csv")
	})
}
