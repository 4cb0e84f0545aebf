package results_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

func FuzzRows(f *testing.F) {
	f.Add([]byte("0,bfs,1,cold,4,100,90,0\n\"1\",\"a,b\",1e3,fixed&request_to_checkpoint=1,4,1,2,-3\r\n"))
	fuzz[results.Row](f, "testdata/run.csv")
}

func FuzzRequests(f *testing.F) { fuzz[results.RequestRow](f, "testdata/run.requests.csv") }

func FuzzLifetimes(f *testing.F) { fuzz[results.LifetimeRow](f, "testdata/run.lifetimes.csv") }

// fuzz checks that what can be read can be written, and that what was written
// stays as it is when it is read and written again.
func fuzz[T results.Record[T]](f *testing.F, seed string) {
	data, err := os.ReadFile(seed)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		records, err := results.Parse[T](bytes.NewReader(data), "x.csv")
		if err != nil {
			return
		}
		once := rewrite(t, records)
		again, err := results.Parse[T](bytes.NewReader(once), "once.csv")
		if err != nil {
			t.Fatalf("cannot read what was written: %v\n%s", err, once)
		}
		if diff := cmp.Diff(string(once), string(rewrite(t, again))); diff != "" {
			t.Errorf("-first +second:\n%s", diff)
		}
	})
}

func rewrite[T results.Record[T]](t *testing.T, records []T) []byte {
	path := filepath.Join(t.TempDir(), "x.csv")
	appendAll(t, path, records)
	data, err := os.ReadFile(path)
	if err != nil && len(records) > 0 {
		t.Fatal(err)
	}
	return data
}
