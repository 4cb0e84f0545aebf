package evaluation_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/benchmarks/evaluation"
	"github.com/pronghorn-faas/pronghorn/benchmarks/harness"
	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
	"github.com/pronghorn-faas/pronghorn/internal/require"
	"github.com/pronghorn-faas/pronghorn/internal/sandbox"
	"github.com/pronghorn-faas/pronghorn/watchdog/watchdogtest"
)

func TestMain(m *testing.M) {
	sandbox.Init()
	os.Exit(m.Run())
}

// stopper is where progress is written to; it ends the context when it reads
// something.
type stopper struct {
	strings.Builder
	at     string
	cancel context.CancelFunc
}

func (s *stopper) Write(p []byte) (int, error) {
	if s.at != "" && strings.Contains(string(p), s.at) {
		s.cancel()
	}
	return s.Builder.Write(p)
}

// TestEvaluationWithABudget runs a real function, stops in the second run, and
// goes on.
func TestEvaluationWithABudget(t *testing.T) {
	watchdogtest.RequireCRIU(t)
	require.Program(t, "pypy", "pypy3")
	s := evaluation.Settings{
		Base: harness.Config{
			Strategies: []string{"cold", "fixed&request_to_checkpoint=1"}, Rates: []int{4}, Requests: 12, Settle: 5 * time.Second,
			Mutability: 1, Seed: 1, CPU: -1, Watchdog: watchdogtest.Binary(t), Benchmarks: "..",
		},
		Functions: []harness.Function{{Name: "bfs", Language: "python"}}, Pause: map[string]time.Duration{"python": 10 * time.Millisecond},
		Repetitions: 2, Data: t.TempDir(), Budget: time.Hour, Least: 4,
	}
	ctx, cancel := context.WithCancel(t.Context())
	first := &stopper{at: "[4/6]", cancel: cancel}
	if err := evaluation.Run(ctx, s, first, 0); !errors.Is(err, harness.ErrInterrupted) {
		t.Fatalf("the first part ended with %v, want an interruption:\n%s", err, first)
	}
	var second stopper
	if err := evaluation.Run(t.Context(), s, &second, 0); err != nil {
		t.Fatalf("%v:\n%s", err, &second)
	}
	choice := regexp.MustCompile(`(?m)^  bfs .*$`)
	if a, b := choice.FindAllString(first.String(), -1), choice.FindAllString(second.String(), -1); len(a) != 2 || a[1] != b[1] {
		t.Errorf("the choice was %q, then %q", a, b)
	}
	for _, name := range []string{"run-1", "run-2"} {
		checkRun(t, filepath.Join(s.Data, name, "python-evaluation.csv"))
	}
}

// checkRun wants 12 requests of two configurations, and the parameters.
func checkRun(t *testing.T, path string) {
	t.Helper()
	data, complaints, err := results.SourceOf(path).Salvage()
	if err != nil || len(complaints) > 0 {
		t.Fatal(err, complaints)
	}
	for c, n := range data.Configurations() {
		if n != 12 {
			t.Errorf("%s: %d requests, want 12", c, n)
		}
	}
	if len(data.Configurations()) != 2 || len(data.Requests) != 24 {
		t.Errorf("%s: %d configurations, %d requests", path, len(data.Configurations()), len(data.Requests))
	}
	for _, r := range data.Requests {
		if r.Failed() || r.InputSize == 0 || r.GCUS == nil {
			t.Errorf("%+v: want an answer with input size and GC time", r)
		}
	}
	if len(data.Setups) != 1 || data.Setups[0].RequestsFor("bfs", 4) != 12 || data.Setups[0].Machine.Software["CRIU"] == "" {
		t.Errorf("%s: setups %+v, want one with 12 requests and the version of CRIU", path, data.Setups)
	}
}
