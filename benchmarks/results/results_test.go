package results_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

const (
	fixed   = "fixed&request_to_checkpoint=1"
	request = "request_centric&max_capacity=12"
)

// run is the content of the files in testdata.
func run() results.Data {
	return results.Data{
		Rows: []results.Row{
			{RequestNumber: 0, Benchmark: "bfs", Mutability: 1, Strategy: fixed, Rate: 4, ClientUS: 21034, ServerUS: 19876, OverheadUS: 310},
			{RequestNumber: 1, Benchmark: "bfs", Mutability: 0.25, Strategy: request, Rate: 20, ClientUS: 9876, ServerUS: 9012, OverheadUS: -3},
		},
		Requests: []results.RequestRow{
			{Benchmark: "bfs", Strategy: fixed, Rate: 4, Lifetime: "l-1", LineageRequestNumber: 1, InputSize: 9120,
				ClientUS: 21034, ServerUS: 19876, WaitUS: 450, Status: 200, Tries: 1, GCUS: new(int64(1200))},
			{Benchmark: "bfs", Strategy: fixed, Rate: 4, RequestNumber: 1, ClientUS: 5000000, Status: 503, Tries: 3,
				Error: "no answer: EOF, thrice"},
		},
		Lifetimes: []results.LifetimeRow{
			{Benchmark: "bfs", Strategy: "request_centric", Rate: 4, LifetimeRecord: agent.LifetimeRecord{
				Lifetime: "l-1", Start: agent.Cold, StartReason: "restore failed: EPERM", FailedSnapshot: "s-0", Requests: 4,
				Started: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), PlanMS: 1.5, StartMS: 80.25, StartUpMS: 81.75,
				FirstResponseMS: 90.5, BytesUploaded: 1 << 18, EndReason: "evicted",
				Checkpoint: &agent.Checkpoint{Outcome: agent.CheckpointDone, Snapshot: "s-1", RequestNumber: 3,
					PauseMS: 14.5, DumpMS: 11, UploadMS: 120, HashMS: 20, PackMS: 30, SendMS: 40.5, Bytes: 1 << 20, StoredBytes: 1 << 18,
					Pages: 256, PagesZero: 6, PagesShared: 50, PagesNew: 200, Mode: "privileged"}}},
			{Benchmark: "bfs", Strategy: "request_centric", Rate: 4, LifetimeRecord: agent.LifetimeRecord{
				Lifetime: "l-2", Start: agent.Restored, Snapshot: "s-1", RequestNumber: 3, Requests: 4,
				Started: time.Date(2026, 1, 2, 3, 5, 0, 0, time.UTC), PlanMS: 1, FetchMS: 20, StartMS: 30, DownloadMS: 15, AssembleMS: 5, RestoreMS: 25, StartUpMS: 51,
				FirstResponseMS: 60, BytesDownloaded: 1 << 20, BytesCached: 1 << 10, Mode: "privileged", EndReason: "evicted"}},
		},
	}
}

func TestFormatsAreReadAsDocumented(t *testing.T) {
	got, err := results.SetOf("testdata/run.csv").Read()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(run(), got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFormatsAreWrittenAsDocumented(t *testing.T) {
	golden := results.SetOf("testdata/run.csv")
	set := results.SetOf(filepath.Join(t.TempDir(), "data", "run.csv"))
	data := run()
	appendAll(t, set.Rows, data.Rows)
	appendAll(t, set.Requests, data.Requests)
	appendAll(t, set.Lifetimes, data.Lifetimes)
	same(t, golden.Rows, set.Rows)
	same(t, golden.Requests, set.Requests)
	same(t, golden.Lifetimes, set.Lifetimes)
}

// appendAll opens the file for every record, as interrupted runs would.
func appendAll[T results.Record[T]](t *testing.T, path string, records []T) {
	t.Helper()
	for _, record := range records {
		w, err := results.OpenAppend[T](path)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Append(record), w.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

func same(t *testing.T, want, got string) {
	t.Helper()
	if diff := cmp.Diff(readFile(t, want), readFile(t, got)); diff != "" {
		t.Errorf("%s: -want +got:\n%s", filepath.Base(want), diff)
	}
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestSetOf(t *testing.T) {
	want := results.Set{
		Rows:      "data/python-basic.csv",
		Requests:  "data/python-basic.requests.csv",
		Lifetimes: "data/python-basic.lifetimes.csv",
	}
	if diff := cmp.Diff(want, results.SetOf("data/python-basic.csv")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestReadErrorsNameTheCell(t *testing.T) {
	requests := readFile(t, "testdata/run.requests.csv")
	lifetimes := readFile(t, "testdata/run.lifetimes.csv")
	tests := map[string]struct {
		parse func(string) error
		text  string
		want  string
	}{
		"a word where a number stands": {parseRows, "0,bfs,1,cold,4,1,2,3\n1,bfs,1,cold,4,soon,2,3\n",
			`x.csv:2: column client_us: "soon": want a whole number of 0 or more`},
		"a negative time": {parseRows, "0,bfs,1,cold,4,-1,2,3\n",
			`x.csv:1: column client_us: "-1": want a whole number of 0 or more`},
		"a number that is none": {parseRows, "0,bfs,NaN,cold,4,1,2,3\n",
			`x.csv:1: column mutability: "NaN": want a number of 0 or more`},
		"no benchmark": {parseRows, "0,,1,cold,4,1,2,3\n",
			`x.csv:1: column benchmark: "": want a name`},
		"too few columns": {parseRows, "0,bfs,1\n",
			`x.csv:1: 3 columns: want 8`},
		"a stray quote": {parseRows, "0,b\"fs,1,cold,4,1,2,3\n",
			`x.csv:1: character 4: bare " in non-quoted-field`},
		"another header": {parseRequests, strings.Replace(requests, "tries", "attempts", 1),
			`x.csv:1: column 12: "attempts": want the header "tries"`},
		"an unknown start": {parseLifetimes, strings.Replace(lifetimes, ",cold,", ",warm,", 1),
			`x.csv:2: column start: "warm": want cold or restored`},
		"a broken time": {parseLifetimes, strings.Replace(lifetimes, "2026-01-02T03:05:00Z", "yesterday", 1),
			`x.csv:3: column started: "yesterday": want a time like 2006-01-02T15:04:05.999999999Z`},
		"half a checkpoint": {parseLifetimes, strings.Replace(lifetimes, ",privileged,,,,,,", ",privileged,,,,,14.5,", 1),
			`x.csv:3: column checkpoint_pause_ms: "14.5": want a number of 0 or more if there was a checkpoint, nothing if not`},
		"a torn line": {parseRows, "0,bfs,1,cold,4,1,2,3\n1,bfs,1,cold,4,1,2,3",
			`x.csv:2: the last line is unfinished`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := tt.parse(tt.text)
			if err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func parseRows(text string) error      { return parse[results.Row](text) }
func parseRequests(text string) error  { return parse[results.RequestRow](text) }
func parseLifetimes(text string) error { return parse[results.LifetimeRow](text) }

func parse[T results.Record[T]](text string) error {
	_, err := results.Parse[T](strings.NewReader(text), "x.csv")
	return err
}

func TestTornFile(t *testing.T) {
	const whole = "0,bfs,1,cold,4,100,90,0\n"
	path := filepath.Join(t.TempDir(), "x.csv")
	// The torn line would pass for a whole one with another last number.
	writeFile(t, path, whole+"1,bfs,1,cold,4,100,90,12")

	rows, err := results.Read[results.Row](path)
	if !errors.Is(err, results.ErrTorn) || len(rows) != 1 {
		t.Errorf("Read: %d rows and %v, want the whole row and ErrTorn", len(rows), err)
	}
	if _, err := results.SetOf(path).Read(); !errors.Is(err, results.ErrTorn) {
		t.Errorf("Set.Read: %v, want ErrTorn", err)
	}
	appendAll(t, path, []results.Row{{RequestNumber: 1, Benchmark: "bfs", Mutability: 1, Strategy: "cold", Rate: 4}})
	want := whole + "1,bfs,1,cold,4,0,0,0\n"
	if diff := cmp.Diff(want, readFile(t, path)); diff != "" {
		t.Errorf("after OpenAppend, -want +got:\n%s", diff)
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Whatever prefix of a file an interruption leaves, a run goes on after the
// last whole line.
func TestOpenAppendRepairsEveryPrefix(t *testing.T) {
	golden := readFile(t, "testdata/run.requests.csv")
	header, _, _ := strings.Cut(golden, "\n")
	path := filepath.Join(t.TempDir(), "x.requests.csv")
	for n := range len(golden) + 1 {
		writeFile(t, path, golden[:n])
		w, err := results.OpenAppend[results.RequestRow](path)
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		w.Close()
		want := golden[:strings.LastIndex(golden[:n], "\n")+1]
		if want == "" {
			want = header + "\n"
		}
		if got := readFile(t, path); got != want {
			t.Fatalf("%d bytes: got %q, want %q", n, got, want)
		}
	}
}

func TestOpenAppendRepairsALongTornLine(t *testing.T) {
	const whole = "0,bfs,1,cold,4,100,90,0\n"
	path := filepath.Join(t.TempDir(), "x.csv")
	writeFile(t, path, whole+strings.Repeat("x", 10_000))
	appendAll(t, path, []results.Row{{RequestNumber: 1, Benchmark: "bfs", Strategy: "cold"}})
	if got := readFile(t, path); got != whole+"1,bfs,0,cold,0,0,0,0\n" {
		t.Errorf("got %q", got)
	}
}

func TestOpenAppendRefusesAnotherFormat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.requests.csv")
	writeFile(t, path, "a,b,c\n1,2,3\n")
	if _, err := results.OpenAppend[results.RequestRow](path); err == nil {
		t.Error("no error for a file with another header")
	}
	if got := readFile(t, path); got != "a,b,c\n1,2,3\n" {
		t.Errorf("the file was changed: %q", got)
	}
}

func TestRecordsAreOneLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.requests.csv")
	appendAll(t, path, []results.RequestRow{{Benchmark: "bfs", Strategy: "cold", Error: "first\nsecond, \"third\"\r\n"}})
	rows, err := results.Read[results.RequestRow](path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := rows[0].Error, `first second, "third"  `; got != want {
		t.Errorf("error %q, want %q", got, want)
	}
	if n := strings.Count(readFile(t, path), "\n"); n != 2 {
		t.Errorf("%d lines, want 2", n)
	}
}

func TestConcurrentAppends(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.csv")
	w, err := results.OpenAppend[results.Row](path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			if err := w.Append(results.Row{RequestNumber: i, Benchmark: "bfs", Strategy: "cold"}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	rows, err := results.Read[results.Row](path)
	if err != nil || len(rows) != 50 {
		t.Errorf("%d rows, %v, want 50", len(rows), err)
	}
}

func TestSetReadNeedsOnlyTheRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.csv")
	if _, err := results.SetOf(path).Read(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no files: %v, want fs.ErrNotExist", err)
	}
	writeFile(t, path, "0,bfs,1,cold,4,100,90,0\n")
	data, err := results.SetOf(path).Read()
	if err != nil || len(data.Rows) != 1 || data.Requests != nil || data.Lifetimes != nil {
		t.Errorf("only rows: %+v, %v", data, err)
	}
}
