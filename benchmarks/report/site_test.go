package report_test

import (
	"os"
	"path/filepath"
	"testing"

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

func writeSite(t *testing.T, dir string, data results.Data, problems ...string) {
	t.Helper()
	if _, err := report.Evaluate(data, seeded(1), problems).WriteSite(dir); err != nil {
		t.Fatal(err)
	}
}

func TestSiteOfAWholeEvaluation(t *testing.T) {
	writeSite(t, siteDir(t), wholeEvaluation(1, 2, 240))
}
