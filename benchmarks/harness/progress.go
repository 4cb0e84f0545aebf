package harness

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

// Progress is told what happens in a run, from one goroutine.
type Progress interface {
	// Start is called first, with what is to be run, in this order, and how many
	// requests of each configuration are done already.
	Start(steps []Step, done func(Configuration) int)
	// Begin is called for each step that something is left of.
	Begin(c Configuration, done int)
	// Request is called for each request, answered or not.
	Request(r results.RequestRow)
	// End is called when the run is over, for whatever reason.
	End()
}

type silence struct{}

func (silence) Start([]Step, func(Configuration) int) {}
func (silence) Begin(Configuration, int)              {}
func (silence) Request(results.RequestRow)            {}
func (silence) End()                                  {}

// count counts the requests of all steps, and those of them that are done.
func count(steps []Step, done func(Configuration) int) (all, before int) {
	requests := make(map[Configuration]int)
	for _, s := range steps {
		requests[s.Configuration] = max(requests[s.Configuration], s.Until)
	}
	for c, n := range requests {
		all, before = all+n, before+min(n, done(c))
	}
	return all, before
}

// NewBar returns a Progress for terminals: a bar with the time left.
func NewBar(w io.Writer) Progress { return &bar{w: w} }

type bar struct {
	w   io.Writer
	bar *progressbar.ProgressBar
}

func (b *bar) Start(steps []Step, done func(Configuration) int) {
	all, before := count(steps, done)
	b.bar = progressbar.NewOptions(all,
		progressbar.OptionSetWriter(b.w), progressbar.OptionShowCount(), progressbar.OptionSetWidth(20),
		progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100*time.Millisecond))
	b.add(before)
}

func (b *bar) Begin(c Configuration, _ int) { b.bar.Describe(c.String()) }
func (b *bar) Request(results.RequestRow)   { b.add(1) }
func (b *bar) End()                         { fmt.Fprintln(b.w) }
func (b *bar) add(n int)                    { _ = b.bar.Add(n) } // a bar that cannot be drawn stops no run

// NewLines returns a Progress that writes one line a step.
func NewLines(w io.Writer) Progress { return &lines{w: w} }

type lines struct {
	w            io.Writer
	steps, begun int
	current      Configuration
	since        time.Time
	clientUS     []int64
	failed       int
}

func (l *lines) Start(steps []Step, done func(Configuration) int) {
	l.steps = len(steps)
	for _, s := range steps {
		if done(s.Configuration) >= s.Until {
			l.begun++
		}
	}
	all, before := count(steps, done)
	fmt.Fprintf(l.w, "%d steps, %d requests", len(steps), all)
	if before > 0 {
		fmt.Fprintf(l.w, ", %d of them are done", before)
	}
	fmt.Fprintln(l.w)
}

func (l *lines) Begin(c Configuration, _ int) {
	l.flush()
	l.begun++
	l.current, l.since = c, time.Now()
}

func (l *lines) Request(r results.RequestRow) {
	if r.Failed() {
		l.failed++
		return
	}
	l.clientUS = append(l.clientUS, r.ClientUS-r.WaitUS)
}

func (l *lines) End() { l.flush() }

// flush writes the line of the step that is over.
func (l *lines) flush() {
	if l.since.IsZero() {
		return
	}
	slices.Sort(l.clientUS)
	median := "–"
	if n := len(l.clientUS); n > 0 {
		median = fmt.Sprintf("%.1f ms", float64(l.clientUS[n/2])/1000)
	}
	fmt.Fprintf(l.w, "[%d/%d] %s: %d requests in %s, median %s, %d failed\n", l.begun, l.steps, l.current,
		len(l.clientUS)+l.failed, time.Since(l.since).Round(time.Second), median, l.failed)
	l.since, l.clientUS, l.failed = time.Time{}, nil, 0
}
