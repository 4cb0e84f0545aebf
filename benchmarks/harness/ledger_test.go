package harness

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

var cell = Configuration{"bfs", "cold", 4}

func rowOf(number int) results.Row {
	return results.Row{RequestNumber: number, Benchmark: cell.Function, Mutability: 1, Strategy: cell.Strategy, Rate: cell.Rate, ClientUS: 10}
}

func requestOf(number int, failure string) results.RequestRow {
	return results.RequestRow{Benchmark: cell.Function, Strategy: cell.Strategy, Rate: cell.Rate, RequestNumber: number, Tries: 1, Error: failure}
}

func lifetimeOf(id string) results.LifetimeRow {
	return results.LifetimeRow{Benchmark: cell.Function, Strategy: cell.Strategy, Rate: cell.Rate,
		LifetimeRecord: agent.LifetimeRecord{Lifetime: id, Start: agent.Cold, Requests: 4, EndReason: "evicted"}}
}

// write makes the files of a set.
func write(t *testing.T, set results.Set, data results.Data) {
	t.Helper()
	writeFile(t, set.Rows, data.Rows)
	writeFile(t, set.Requests, data.Requests)
	writeFile(t, set.Lifetimes, data.Lifetimes)
}

func writeFile[T results.Record[T]](t *testing.T, path string, records []T) {
	t.Helper()
	w, err := results.OpenAppend[T](path)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if err := w.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestFilesAgreeAfterAKill checks what counts as done when the files were left
// with different ends, and that the files themselves are put in order.
func TestFilesAgreeAfterAKill(t *testing.T) {
	tests := map[string]struct {
		rows     []results.Row
		requests []results.RequestRow
		done     int
		kept     int // rows
	}{
		"nothing there":                    {},
		"all agrees":                       {[]results.Row{rowOf(0), rowOf(1)}, []results.RequestRow{requestOf(0, ""), requestOf(1, "")}, 2, 2},
		"a row without its request goes":   {[]results.Row{rowOf(0), rowOf(1)}, []results.RequestRow{requestOf(0, "")}, 1, 1},
		"a request without its row goes":   {[]results.Row{rowOf(0)}, []results.RequestRow{requestOf(0, ""), requestOf(1, "")}, 1, 1},
		"a failed request needs no row":    {[]results.Row{rowOf(0)}, []results.RequestRow{requestOf(0, ""), requestOf(1, "reset")}, 2, 1},
		"what stands there twice goes":     {[]results.Row{rowOf(0), rowOf(0)}, []results.RequestRow{requestOf(0, ""), requestOf(0, "")}, 1, 1},
		"what comes after a gap goes":      {[]results.Row{rowOf(0), rowOf(2)}, []results.RequestRow{requestOf(0, ""), requestOf(2, "")}, 1, 1},
		"a row without any request at all": {[]results.Row{rowOf(0)}, nil, 0, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			set := results.SetOf(filepath.Join(t.TempDir(), "r.csv"))
			write(t, set, results.Data{Rows: tt.rows, Requests: tt.requests, Lifetimes: []results.LifetimeRow{lifetimeOf("a"), lifetimeOf("a")}})
			l, err := openLedger(set)
			if err != nil {
				t.Fatal(err)
			}
			defer l.close()
			data, err := set.Read()
			if err != nil {
				t.Fatal(err)
			}
			got := []int{l.done[cell], len(data.Requests), len(data.Rows), len(data.Lifetimes)}
			if diff := cmp.Diff([]int{tt.done, tt.done, tt.kept, 1}, got); diff != "" {
				t.Errorf("done, requests, rows, lifetimes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLifetimesAreRecordedOnceAndOnlyIfTheyServed(t *testing.T) {
	set := results.SetOf(filepath.Join(t.TempDir(), "r.csv"))
	l, err := openLedger(set)
	if err != nil {
		t.Fatal(err)
	}
	l.addLifetime(cell, lifetimeOf("a").LifetimeRecord)
	l.addLifetime(cell, lifetimeOf("a").LifetimeRecord) // a report that was repeated
	l.addLifetime(cell, agent.LifetimeRecord{Lifetime: "b", Start: agent.Cold, EndReason: "shutdown"})
	l.addLifetime(cell, agent.LifetimeRecord{Lifetime: "c", Start: agent.Cold, EndReason: "exited"})
	if err := l.close(); err != nil {
		t.Fatal(err)
	}
	got, err := results.Read[results.LifetimeRow](set.Lifetimes)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, r := range got {
		ids = append(ids, r.Lifetime)
	}
	if diff := cmp.Diff([]string{"a", "c"}, ids); diff != "" {
		t.Errorf("recorded lifetimes (-want +got):\n%s", diff)
	}
}
