package results_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

func TestSetupBesideResults(t *testing.T) {
	tests := map[string]struct {
		text, complaint string
		setups          int
	}{
		"none":         {"", "", 0},
		"one":          {`{"requests": 500, "requests_of": {"video": {"4": 60}}, "seed": 3}`, "", 1},
		"a broken one": {`{"requests": `, "what was run is not told", 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run-2")
			rows := filepath.Join(dir, "python-evaluation.csv")
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(rows, []byte("0,bfs,1,cold,4,9,5,1\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			if tt.text != "" {
				if err := os.WriteFile(results.SetupPath(rows), []byte(tt.text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			data, complaints, err := results.SourceOf(rows).Salvage()
			if err != nil || len(data.Rows) != 1 || len(data.Setups) != tt.setups {
				t.Fatalf("%d rows, %d setups, %v", len(data.Rows), len(data.Setups), err)
			}
			if (tt.complaint == "") != (len(complaints) == 0) || len(complaints) > 0 && !strings.Contains(complaints[0].Error(), tt.complaint) {
				t.Errorf("complaints %v, want %q", complaints, tt.complaint)
			}
			for _, s := range data.Setups {
				if s.RequestsFor("bfs", 4) != 500 || s.RequestsFor("video", 4) != 60 || s.RequestsFor("video", 1) != 500 || s.Source.Run != "run-2" {
					t.Errorf("%+v", s)
				}
			}
		})
	}
}
