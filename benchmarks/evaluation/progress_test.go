package evaluation

import (
	"strings"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/benchmarks/harness"
	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

// TestTimeLeftIsOfAllRuns has two runs of two configurations of 100 requests,
// of which each is planned to take a second and takes two.
func TestTimeLeftIsOfAllRuns(t *testing.T) {
	run := harness.Config{Functions: []string{"bfs"}, Strategies: []string{"cold", "request_centric"}, Rates: []int{1}, Requests: 100}
	costs := map[string]Cost{"bfs": {Request: time.Second}}
	var out strings.Builder
	p := newProgress(&out, 0, []harness.Config{run, run}, costs)
	now := time.Unix(0, 0)
	p.now = func() time.Time { return now }
	p.label = "run-1, "

	steps := run.Steps() // 3
	p.Start(steps, func(harness.Configuration) int { return 0 })
	if left := p.left(); left != 400*time.Second {
		t.Errorf("%s left at the beginning, want what is planned", left)
	}
	done := map[harness.Configuration]int{}
	for _, s := range steps {
		p.Begin(s.Configuration, done[s.Configuration])
		for ; done[s.Configuration] < s.Until; done[s.Configuration]++ {
			now = now.Add(2 * time.Second)
			p.Request(results.RequestRow{ClientUS: 9000, WaitUS: 1000, Status: 200})
		}
	}
	p.End()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines, want one a step:\n%s", len(lines), out.String())
	}
	if want := "50 % of all, 6m40s left"; !strings.HasSuffix(lines[2], want) {
		t.Errorf("%q: want %q at the end, since half of it took that long", lines[2], want)
	}
	if want := "[1/6] run-1, bfs, rate 1, " + steps[0].Strategy + ": 50 requests in 1m40s, median 8.0 ms"; !strings.HasPrefix(lines[0], want) {
		t.Errorf("%q: want %q at the beginning", lines[0], want)
	}
}

// What was done before an interruption takes no time any more, and says nothing
// about how fast it goes.
func TestTimeLeftAfterAnInterruption(t *testing.T) {
	run := harness.Config{Functions: []string{"bfs"}, Strategies: []string{"cold"}, Rates: []int{1}, Requests: 100}
	var out strings.Builder
	p := newProgress(&out, 0, []harness.Config{run}, map[string]Cost{"bfs": {Request: time.Second}})
	p.Start(run.Steps(), func(harness.Configuration) int { return 90 })
	if left := p.left(); left != 10*time.Second {
		t.Errorf("%s left, want 10s", left)
	}
}

func TestTerminalShowsOneLineThatFits(t *testing.T) {
	run := harness.Config{Functions: []string{"bfs"}, Strategies: []string{"request_centric&max_capacity=12"}, Rates: []int{1}, Requests: 2}
	var out strings.Builder
	p := newProgress(&out, 30, []harness.Config{run}, nil)
	p.Start(run.Steps(), func(harness.Configuration) int { return 0 })
	p.Begin(run.Steps()[0].Configuration, 0)
	p.Request(results.RequestRow{ClientUS: 9000, Status: 200})
	drawn := strings.TrimPrefix(out.String(), "\r\033[K")
	if drawn == out.String() || len(drawn) != 29 || strings.Contains(drawn, "\n") {
		t.Errorf("%q: want a line of 29 characters over the old one", out.String())
	}
}
