package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pronghorn-faas/pronghorn/benchmarks/report"
)

const reportRows = `0,bfs,1,fixed&request_to_checkpoint=1,4,20000,19000,0
1,bfs,1,fixed&request_to_checkpoint=1,4,20000,19000,0
0,bfs,1,adaptive,4,10000,9000,0
1,bfs,1,adaptive,4,10000,9000,0
`

// writeResults makes a file of results and returns its path.
func writeResults(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "python-basic.csv")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func runReportCommand(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), append([]string{"report"}, args...), strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

func TestReportPrintsAndDraws(t *testing.T) {
	path := writeResults(t, reportRows)
	svg, png := filepath.Join(filepath.Dir(path), "a.svg"), filepath.Join(filepath.Dir(path), "a.png")
	for format, want := range map[string]string{"text": "+50.0 %", "markdown": "| +50.0 % |", "json": `"percent": 50`} {
		code, out, errs := runReportCommand(t, path, "-o", format, "--figure", svg, "--figure", png, "--seed", "7")
		if code != exitDone || !strings.Contains(out, want) {
			t.Errorf("%s: exit %d, %q, want %q in\n%s", format, code, errs, want, out)
		}
	}
	for name, start := range map[string]string{svg: "<?xml", png: "\x89PNG"} {
		data, err := os.ReadFile(name)
		if err != nil || !strings.HasPrefix(string(data), start) {
			t.Errorf("%s: %v, starts with %.10q", name, err, data)
		}
	}
}

func TestReportRefusals(t *testing.T) {
	good := writeResults(t, reportRows)
	tests := map[string]struct {
		args []string
		code int
		want string
	}{
		"no file named":                         {nil, exitUsage, "no results"},
		"an unknown format":                     {[]string{good, "-o", "yaml"}, exitUsage, `format "yaml": want text, markdown or json`},
		"an unknown figure":                     {[]string{good, "--figure", "x.pdf"}, exitUsage, `figure "x.pdf": want a name that ends in .svg or .png`},
		"a directory without a slash, of files": {[]string{good, "-o", "pages"}, exitUsage, "a directory such as ./pages"},
		"a directory without results":           {[]string{t.TempDir()}, exitFailed, "no results: want files such as"},
		"pages among the results":               {[]string{filepath.Dir(good), "-o", filepath.Dir(good)}, exitUsage, "that is where the results are"},
		"a bad seed":                            {[]string{good, "--seed", "one"}, exitUsage, "--seed"},
		"a missing file":                        {[]string{"missing.csv"}, exitFailed, "missing.csv: no such file"},
		"an empty file":                         {[]string{writeResults(t, "")}, exitFailed, "no rows"},
		"a bad row":                             {[]string{writeResults(t, "0,bfs,1,cold,4,x,1,0\n")}, exitFailed, `csv:1: column client_us: "x": want`},
		"one configuration twice":               {[]string{good, writeResults(t, reportRows)}, exitFailed, "both hold bfs at rate 4"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			code, out, errs := runReportCommand(t, tt.args...)
			if code != tt.code || !strings.Contains(errs, tt.want) || out != "" {
				t.Errorf("exit %d, %q, %q; want %d with %q", code, errs, out, tt.code, tt.want)
			}
		})
	}
}

func TestReportOfARunThatStillGoesOn(t *testing.T) {
	code, out, errs := runReportCommand(t, writeResults(t, reportRows+"2,bfs,1,ada"))
	if code != exitDone || !strings.Contains(out, "+50.0 %") || !strings.Contains(errs, "csv:5: the last line is unfinished") {
		t.Errorf("exit %d, %q\n%s", code, errs, out)
	}
}

// writeTree makes files of results in a directory, by path.
func writeTree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// summaryOf reads summary.json of a site.
func summaryOf(t *testing.T, site string) report.Document {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(site, "summary.json"))
	if err != nil {
		t.Fatal(err)
	}
	var d report.Document
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestReportOfADirectory(t *testing.T) {
	rows := strings.ReplaceAll(reportRows, "adaptive", report.PublishedPolicy)
	tests := map[string]struct {
		files    map[string]string
		requests int // of the policy
		runs     int
		complain string // on standard error; "" = nothing
	}{
		"one file":    {map[string]string{"python-evaluation.csv": rows}, 2, 1, ""},
		"repetitions": {map[string]string{"run-1/python-evaluation.csv": rows, "run-2/python-evaluation.csv": rows}, 4, 2, ""},
		"a short test and the evaluation": {map[string]string{
			"python-basic.csv": rows[:strings.Index(rows, "1,bfs")] + "0,bfs,1,request_centric&max_capacity=12,4,1,1,0\n", "python-evaluation.csv": rows},
			2, 1, "python-basic.csv: left out what "},
		"a short test and repetitions": {map[string]string{
			"python-basic.csv": rows + rows, "run-1/python-evaluation.csv": rows, "run-2/python-evaluation.csv": rows}, 4, 2, "python-basic.csv: left out, since"},
		"a file of garbage":     {map[string]string{"a.csv": "?\n", "python-evaluation.csv": rows}, 2, 1, "a.csv:1: 1 columns: want 8; it is left out"},
		"an empty file":         {map[string]string{"a.csv": "", "python-evaluation.csv": rows}, 2, 1, "a.csv: no rows"},
		"garbage between lines": {map[string]string{"python-evaluation.csv": "\x00\n" + rows + "1,bfs,1,cold,4,,1,0\n"}, 2, 1, `column client_us: "": want`},
		"garbage beside it": {map[string]string{"python-evaluation.csv": rows, "python-evaluation.lifetimes.csv": "a,b\n1,2\n"},
			2, 1, "lifetimes.csv:1: 2 columns: want 41; the file is left out"},
	}
	for name, tt := range tests {
		if testing.Short() && name != "a short test and repetitions" {
			continue // each draws all pictures
		}
		t.Run(name, func(t *testing.T) {
			dir := writeTree(t, tt.files)
			site := filepath.Join(dir, "pages")
			code, out, errs := runReportCommand(t, dir, "-o", site)
			if code != exitDone || out != filepath.Join(site, "index.html")+"\n" {
				t.Fatalf("exit %d, %q, %q", code, out, errs)
			}
			if (tt.complain == "") != (errs == "") || !strings.Contains(errs, tt.complain) {
				t.Errorf("standard error %q, want %q", errs, tt.complain)
			}
			d := summaryOf(t, site)
			if c := d.Improvement["bfs"]["4"]; c.N != tt.requests || c.Runs != tt.runs || c.MedianPct != 50 {
				t.Errorf("got %+v, want %d requests of %d runs", c, tt.requests, tt.runs)
			}
			if (len(d.Problems) == 0) != (tt.complain == "") {
				t.Errorf("problems on the page: %q", d.Problems)
			}
		})
	}
}

func TestReportOfADirectoryPrintsToo(t *testing.T) {
	dir := writeTree(t, map[string]string{"run-1/a.csv": reportRows, "run-2/a.csv": reportRows})
	code, out, errs := runReportCommand(t, dir, "-o", "text")
	if code != exitDone || !strings.Contains(out, "+50.0 %") || errs != "" {
		t.Errorf("exit %d, %q\n%s", code, errs, out)
	}
}

func TestReportOfADirectoryGoesToReport(t *testing.T) {
	dir := writeTree(t, map[string]string{"data/a.csv": reportRows})
	t.Chdir(dir)
	if code, out, errs := runReportCommand(t, "data/"); code != exitDone || out != "report/index.html\n" {
		t.Errorf("exit %d, %q, %q", code, out, errs)
	}
}

func TestReportOfVariants(t *testing.T) {
	if testing.Short() {
		t.Skip("draws all pictures")
	}
	rows := strings.ReplaceAll(reportRows, "adaptive", report.PublishedPolicy)
	dir := writeTree(t, map[string]string{"python-evaluation.csv": rows, "variant-2cpus/python-evaluation.csv": rows})
	site := filepath.Join(dir, "pages")
	if code, _, errs := runReportCommand(t, dir, "-o", site); code != exitDone {
		t.Fatal(errs)
	}
	d := summaryOf(t, site)
	if _, ok := d.Improvement["bfs@2cpus"]["4"]; !ok || d.Improved["4"] != 1 {
		t.Errorf("improvements %v, %d improved; want the variant beside its function, counted once", d.Improvement, d.Improved["4"])
	}
}

func TestReportOfDamagedFilesGoesOn(t *testing.T) {
	tests := map[string]string{
		"garbage":        reportRows + "garbage\n",
		"a missing cell": reportRows + "2,bfs,1,adaptive,4,,9000,0\n",
		"a stray quote":  "2,\"bfs,1,adaptive,4,1,2,3\n" + reportRows,
		"a torn line":    reportRows + "2,bfs,1",
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			code, out, errs := runReportCommand(t, writeResults(t, text))
			if code != exitDone || !strings.Contains(out, "+50.0 %") || !strings.Contains(errs, "left out") {
				t.Errorf("exit %d, %q\n%s", code, errs, out)
			}
		})
	}
}
