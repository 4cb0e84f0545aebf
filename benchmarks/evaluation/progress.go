package evaluation

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/pronghorn-faas/pronghorn/benchmarks/harness"
	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

// settled is how much of the plan has to be done until what it took says more
// about the rest than the plan does.
const settled = time.Minute

// progress tells what happens in all runs together, one line a step, with the
// time left. On a terminal, a line for the present step is kept up to date.
type progress struct {
	w io.Writer
	// width is that of the terminal; 0 = it is none.
	width int
	now   func() time.Time
	// costs are what requests are planned to take, as far as that is known.
	costs map[string]Cost
	// planned is the time of everything, done that of what is recorded, before
	// that of what was when this process began.
	planned, done, before time.Duration
	steps, begun          int
	began                 time.Time
	step                  harness.Configuration
	since                 time.Time
	clientUS              []int64
	failed                int
	label                 string // of the run
	drawn                 time.Time
}

// newProgress is that of some runs.
func newProgress(w io.Writer, width int, runs []harness.Config, costs map[string]Cost) *progress {
	p := &progress{w: w, width: width, now: time.Now, costs: costs}
	for _, run := range runs {
		steps := run.Steps()
		p.steps += len(steps)
		p.planned += p.time(steps, func(harness.Configuration) int { return math.MaxInt })
	}
	return p
}

// cost is what a request of a configuration takes. Without a calibration: the
// start of a worker takes as long as a few requests.
func (p *progress) cost(c harness.Configuration) time.Duration {
	if known, ok := p.costs[c.Function]; ok {
		return known.perRequest(c)
	}
	return time.Second/5 + time.Second/2/time.Duration(c.Rate)
}

// time is what the part of some steps takes that so many requests are of.
func (p *progress) time(steps []harness.Step, done func(harness.Configuration) int) (sum time.Duration) {
	for c, n := range requestsIn(steps) {
		sum += time.Duration(min(n, done(c))) * p.cost(c)
	}
	for _, s := range steps {
		if done(s.Configuration) >= s.Until {
			sum += p.costs[s.Function].Stage
		}
	}
	return sum
}

// requestsIn are the requests of each configuration.
func requestsIn(steps []harness.Step) map[harness.Configuration]int {
	n := make(map[harness.Configuration]int)
	for _, s := range steps {
		n[s.Configuration] = max(n[s.Configuration], s.Until)
	}
	return n
}

// Start counts what is done already of a run that begins.
func (p *progress) Start(steps []harness.Step, done func(harness.Configuration) int) {
	if p.began.IsZero() {
		p.began = p.now()
	}
	known := p.time(steps, done)
	p.done, p.before = p.done+known, p.before+known
	for _, s := range steps {
		if done(s.Configuration) >= s.Until {
			p.begun++
		}
	}
}

// Begin begins a step.
func (p *progress) Begin(c harness.Configuration, _ int) {
	p.flush()
	p.begun++
	p.done += p.costs[c.Function].Stage
	p.step, p.since = c, p.now()
}

// Request counts a request.
func (p *progress) Request(r results.RequestRow) {
	p.done += p.cost(p.step)
	if r.Failed() {
		p.failed++
	} else {
		p.clientUS = append(p.clientUS, r.ClientUS-r.WaitUS)
	}
	const often = 500 * time.Millisecond
	if now := p.now(); p.width > 0 && now.Sub(p.drawn) > often {
		p.drawn = now
		line := []rune(p.line()) // one that wraps could not be replaced
		fmt.Fprintf(p.w, "\r\033[K%s", string(line[:min(len(line), p.width-1)]))
	}
}

// End ends the last step of a run.
func (p *progress) End() { p.flush() }

func (p *progress) flush() {
	if p.since.IsZero() {
		return
	}
	start := ""
	if p.width > 0 {
		start = "\r\033[K"
	}
	fmt.Fprintf(p.w, "%s%s\n", start, p.line())
	p.since, p.clientUS, p.failed = time.Time{}, nil, 0
}

// line says how the step went so far, and how much of everything is left.
func (p *progress) line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "[%d/%d] %s%s: %d requests in %s", p.begun, p.steps, p.label, p.step,
		len(p.clientUS)+p.failed, p.now().Sub(p.since).Round(time.Second))
	if n := len(p.clientUS); n > 0 {
		median := slices.Sorted(slices.Values(p.clientUS))[n/2]
		fmt.Fprintf(&b, ", median %.1f ms", float64(median)/1000)
	}
	if p.failed > 0 {
		fmt.Fprintf(&b, ", %d failed", p.failed)
	}
	fmt.Fprintf(&b, "; %.0f %% of all, %s left", p.percent(), p.left().Round(time.Second))
	return b.String()
}

func (p *progress) percent() float64 {
	if p.planned == 0 {
		return 100
	}
	return 100 * min(1, float64(p.done)/float64(p.planned))
}

// left is the planned time of the rest, by what the plan has proved to be worth.
func (p *progress) left() time.Duration {
	left := float64(max(0, p.planned-p.done))
	if here := p.done - p.before; here > settled {
		left *= float64(p.now().Sub(p.began)) / float64(here)
	}
	return time.Duration(left)
}
