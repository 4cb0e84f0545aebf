package report_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/benchmarks/report"
	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

// siteDir is a directory of its own, or, to look at the pages, REPORT_DIR.
func siteDir(t *testing.T) string {
	if dir := os.Getenv("REPORT_DIR"); dir != "" {
		return dir
	}
	return filepath.Join(t.TempDir(), "report")
}

// wholeRequests are few, or, to look at the pages, as many as in the paper.
func wholeRequests() int {
	if os.Getenv("REPORT_DIR") != "" {
		return 500
	}
	return 40
}

func writeSite(t *testing.T, dir string, data results.Data, problems ...string) {
	t.Helper()
	page, err := report.Evaluate(data, seeded(1), problems).WriteSite(dir)
	if err != nil || page != filepath.Join(dir, "index.html") {
		t.Fatal(page, err)
	}
}

// skipIfShort is for tests that draw many pictures, which takes the race
// detector a minute, and has no goroutines.
func skipIfShort(t *testing.T) {
	if testing.Short() {
		t.Skip("draws many pictures")
	}
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestSiteOfAWholeEvaluation(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	dir := siteDir(t)
	writeSite(t, dir, wholeEvaluation(1, 2, wholeRequests()))
	page := read(t, dir, "index.html")
	for _, name := range []string{"improvement", "figure-4", "figure-5", "request-numbers-pypy", "request-numbers-jvm", "fixed-k"} {
		texts(t, []byte(read(t, dir, name+".svg")))
		if _, err := png.Decode(strings.NewReader(read(t, dir, name+".png"))); err != nil {
			t.Errorf("%s.png: %v", name, err)
		}
		if !strings.Contains(page, `src="`+name+`.svg"`) {
			t.Errorf("%s.svg is not on the page", name)
		}
	}
	for name, rows := range map[string]int{
		"overall": 12, "improvement": 39, "with-start": 39, "without-gc": 27, "table-4": 13, "table-5": 39,
		"picks": 39, "fixed-k": 13, "configurations": 39*3 + 13*6, "lifetimes": 39*3 + 13*6,
	} {
		records, err := csv.NewReader(strings.NewReader(read(t, dir, name+".csv"))).ReadAll()
		if err != nil || len(records) != rows+1 {
			t.Errorf("%s.csv: %d rows, %v, want %d", name, len(records)-1, err, rows)
		}
		if !strings.Contains(page, `href="`+name+`.csv"`) {
			t.Errorf("%s.csv is not on the page", name)
		}
	}
	if n := len(texts(t, []byte(read(t, dir, "figure-4.svg")))); n < 9*3*4 {
		t.Errorf("%d words in figure 4, want those of 27 panels", n)
	}
}

func TestPageNeedsNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	dir := t.TempDir()
	writeSite(t, dir, wholeEvaluation(1, 1, 4, "bfs", "mst"))
	page := read(t, dir, "index.html")
	for _, pattern := range []string{`<script`, `https?:`, `<link`, `@import`, `url\(`} {
		if found := regexp.MustCompile(pattern).FindString(page); found != "" {
			t.Errorf("the page has %q", found)
		}
	}
	for _, match := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if !strings.Contains(page, `id="`+match[1]+`"`) {
			t.Errorf("nothing on the page is #%s", match[1])
		}
	}
	for _, match := range regexp.MustCompile(`(?:src|href)="([^"#]+)"`).FindAllStringSubmatch(page, -1) {
		if _, err := os.Stat(filepath.Join(dir, match[1])); err != nil {
			t.Errorf("the page refers to %v", err)
		}
	}
}

func TestSummaryHasTheDocumentedForm(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	dir := t.TempDir()
	writeSite(t, dir, wholeEvaluation(1, 2, 20, "bfs", "word-count"), "a problem")
	var got struct {
		Improvement     map[string]map[string]map[string]float64
		GeomeanImproved map[string]float64 `json:"geomean_improved"`
		Worse           map[string]int
		Table4          map[string]map[string]any            `json:"table_4"`
		Table5          map[string]map[string]map[string]any `json:"table_5"`
		FixedSweep      map[string]map[string]struct {
			Points []struct {
				K        int
				MedianUS float64 `json:"median_us"`
			}
		} `json:"fixed_sweep"`
		Problems []string
		Paper    struct {
			GeomeanImproved map[string]float64 `json:"geomean_improved"`
		}
	}
	if err := json.Unmarshal([]byte(read(t, dir, "summary.json")), &got); err != nil {
		t.Fatal(err)
	}
	c := got.Improvement["bfs"]["1"]
	if c["n"] != 40 || c["runs"] != 2 || c["low"] > c["median_pct"] || c["median_pct"] > c["high"] {
		t.Errorf("improvement of bfs at rate 1: %v", c)
	}
	if len(got.Improvement) != 2 || len(got.GeomeanImproved) != 3 || got.Paper.GeomeanImproved["4"] != 21.3 {
		t.Errorf("%d functions, %v, the paper %v", len(got.Improvement), got.GeomeanImproved, got.Paper.GeomeanImproved)
	}
	if got.Table4["bfs"]["dump_ms"] != 12.4 || got.Table5["bfs"]["4"]["stored_snapshots"] != 5.0 {
		t.Errorf("table 4: %v, table 5: %v", got.Table4["bfs"], got.Table5["bfs"])
	}
	if p := got.FixedSweep["bfs"]["4"].Points; len(p) != 7 || p[6].K != 100 || p[6].MedianUS == 0 {
		t.Errorf("sweep %v", p)
	}
	if diff := cmp.Diff([]string{"a problem"}, got.Problems); diff != "" {
		t.Error(diff)
	}
}

func TestSiteOfPartialData(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	whole := wholeEvaluation(1, 1, 4, "bfs")
	tests := map[string]results.Data{
		"nothing":                         {},
		"a single request":                latencies("bfs", request, 5),
		"a single request of two":         plus(latencies("bfs", request, 5), latencies("bfs", report.Baseline, 5)),
		"rows alone":                      {Rows: whole.Rows},
		"no requests":                     {Rows: whole.Rows, Lifetimes: whole.Lifetimes},
		"no rows":                         {Requests: whole.Requests, Lifetimes: whole.Lifetimes},
		"lifetimes alone":                 {Lifetimes: whole.Lifetimes},
		"nothing to compare with":         latencies("bfs", request, 5, 6, 7),
		"no policy":                       plus(latencies("bfs", cold, 5, 6), latencies("bfs", report.Baseline, 5, 6)),
		"only fixed":                      plus(latencies("bfs", "fixed&request_to_checkpoint=2", 5), latencies("bfs", "fixed&request_to_checkpoint=9", 5)),
		"latencies of nothing":            plus(latencies("bfs", request, 0, 0), latencies("bfs", report.Baseline, 0, 0)),
		"the longest latencies":           plus(latencies("bfs", request, 1<<62, 1<<62), latencies("bfs", report.Baseline, 1, 1<<62)),
		"functions of nobody":             someFunctions("mine", "a|b", "<b>&", "line\x00\xff"),
		"more functions than a page has":  manyFunctions(26),
		"a variant beside its function":   plus(plus(latencies("bfs", request, 5), latencies("bfs", report.Baseline, 9)), plus(latencies("bfs@2cpus", request, 5), latencies("bfs@2cpus", report.Baseline, 9))),
		"request numbers beyond all else": {Rows: latencies("bfs", request, 5).Rows, Requests: []results.RequestRow{{Benchmark: "bfs", Strategy: request, Rate: 1, LineageRequestNumber: 1 << 62}}},
	}
	for name, data := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeSite(t, dir, data)
			if page := read(t, dir, "index.html"); !strings.HasSuffix(page, "</html>\n") || strings.Contains(page, "NaN") {
				t.Errorf("the page is not whole, or holds a NaN:\n%s", page)
			}
		})
	}
}

func plus(a, b results.Data) results.Data {
	a.Add(b)
	return a
}

func manyFunctions(n int) results.Data {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("f%d", i))
	}
	return someFunctions(names...)
}

func someFunctions(names ...string) results.Data {
	var data results.Data
	for _, name := range names {
		data.Add(plus(latencies(name, request, 5), latencies(name, report.Baseline, 9)))
	}
	return data
}

func TestPageShowsNamesAndProblemsAsTheyAre(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeSite(t, dir, latencies("<script>", request, 5), `x.csv:1: "<img src=x>"`)
	page := read(t, dir, "index.html")
	for _, raw := range []string{"<script>", "<img src=x>"} {
		if strings.Contains(page, raw) {
			t.Errorf("%s is not escaped", raw)
		}
	}
	if !strings.Contains(page, "&lt;script&gt;") || !strings.Contains(page, "x.csv:1:") {
		t.Error("a name or a problem is not on the page")
	}
}

func TestSiteReplacesAnEarlierOne(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeSite(t, dir, someFunctions("bfs"))
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	writeSite(t, dir, latencies("simple-hash", cold, 5))
	for name, want := range map[string]bool{"figure-4.svg": false, "improvement.csv": false, "figure-5.svg": true, "notes.txt": true} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s: %v, want it there: %v", name, err, want)
		}
	}
}

func TestSiteIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	a, b := t.TempDir(), t.TempDir()
	writeSite(t, a, wholeEvaluation(1, 2, 4, "bfs"))
	writeSite(t, b, wholeEvaluation(1, 2, 4, "bfs"))
	entries, err := os.ReadDir(a)
	if err != nil || len(entries) < 20 {
		t.Fatal(len(entries), err)
	}
	for _, e := range entries {
		if read(t, a, e.Name()) != read(t, b, e.Name()) {
			t.Errorf("%s differs", e.Name())
		}
	}
}

// A wider font must not run labels into each other.
func TestTextsOfAnSVGKnowTheirWidth(t *testing.T) {
	t.Parallel()
	svg := string(draw(t, evaluation(1, "bfs"), report.SVG))
	if n, m := strings.Count(svg, "<text"), strings.Count(svg, "<text textLength="); n < 10 || m < n/2 {
		t.Errorf("%d of %d texts have a length", m, n)
	}
}
