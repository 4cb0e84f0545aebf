package harness

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

// ledger is the result files of the run, to which each row is appended as it
// comes. It is safe for concurrent use.
type ledger struct {
	rows      *results.Writer[results.Row]
	requests  *results.Writer[results.RequestRow]
	lifetimes *results.Writer[results.LifetimeRow]
	// done is the number of requests of a configuration that are recorded.
	done map[Configuration]int
	// failed is the number of those that failed.
	failed int

	mu sync.Mutex
	// known are the lifetimes that are recorded, lost is why one could not be.
	known map[string]bool
	lost  error
}

// openLedger opens the files, after what an interruption has left in them has
// been put in order.
func openLedger(set results.Set) (*ledger, error) {
	kept, err := reconcile(set)
	if err != nil {
		return nil, err
	}
	l := &ledger{done: make(map[Configuration]int), known: make(map[string]bool)}
	for _, r := range kept.Requests {
		l.count(r)
	}
	for _, r := range kept.Lifetimes {
		l.known[r.Lifetime] = true
	}
	var errs [3]error
	l.rows, errs[0] = results.OpenAppend[results.Row](set.Rows)
	l.requests, errs[1] = results.OpenAppend[results.RequestRow](set.Requests)
	l.lifetimes, errs[2] = results.OpenAppend[results.LifetimeRow](set.Lifetimes)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func (l *ledger) close() error {
	var errs [3]error
	if l.rows != nil {
		errs[0] = l.rows.Close()
	}
	if l.requests != nil {
		errs[1] = l.requests.Close()
	}
	if l.lifetimes != nil {
		errs[2] = l.lifetimes.Close()
	}
	return errors.Join(errs[:]...)
}

func (l *ledger) count(r results.RequestRow) {
	l.done[Configuration{r.Benchmark, r.Strategy, r.Rate}]++
	if r.Failed() {
		l.failed++
	}
}

// addRequest records a request. The artifact's row comes first: a request is
// done when it stands in the other file.
func (l *ledger) addRequest(row results.Row, request results.RequestRow) error {
	if !request.Failed() {
		if err := l.rows.Append(row); err != nil {
			return err
		}
	}
	if err := l.requests.Append(request); err != nil {
		return err
	}
	l.count(request)
	return l.lostLifetime()
}

// addLifetime records what became of a lifetime, once. One that served nothing
// before its configuration came to an end is none of the evaluation.
func (l *ledger) addLifetime(c Configuration, rec agent.LifetimeRecord) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known[rec.Lifetime] || (rec.Requests == 0 && rec.EndReason == "shutdown") {
		return
	}
	l.known[rec.Lifetime] = true
	err := l.lifetimes.Append(results.LifetimeRow{Benchmark: c.Function, Strategy: c.Strategy, Rate: c.Rate, LifetimeRecord: rec})
	l.lost = errors.Join(l.lost, err)
}

// lostLifetime is why a lifetime could not be recorded.
func (l *ledger) lostLifetime() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

// Remove removes what an earlier run has left: results and state.
func Remove(c Config) error {
	return errors.Join(removeResults(c), os.RemoveAll(filepath.Join(c.Work, "state")))
}

// removeResults removes the files of an earlier run.
func removeResults(c Config) error {
	set := results.SetOf(c.Out)
	for _, path := range []string{set.Rows, set.Requests, set.Lifetimes, results.SetupPath(c.Out)} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("start over: %w", err)
		}
	}
	return nil
}
