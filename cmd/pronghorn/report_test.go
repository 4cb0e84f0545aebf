package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
		"no file named":           {nil, exitUsage, "no results"},
		"an unknown format":       {[]string{good, "-o", "yaml"}, exitUsage, `format "yaml": want text, markdown or json`},
		"an unknown figure":       {[]string{good, "--figure", "x.pdf"}, exitUsage, `figure "x.pdf": want a name that ends in .svg or .png`},
		"a bad seed":              {[]string{good, "--seed", "one"}, exitUsage, "--seed"},
		"a missing file":          {[]string{"missing.csv"}, exitFailed, "missing.csv: no such file"},
		"an empty file":           {[]string{writeResults(t, "")}, exitFailed, "no rows"},
		"a bad row":               {[]string{writeResults(t, "0,bfs,1,cold,4,x,1,0\n")}, exitFailed, `csv:1: column client_us: "x": want`},
		"one configuration twice": {[]string{good, writeResults(t, reportRows)}, exitFailed, "both hold bfs at rate 4"},
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
