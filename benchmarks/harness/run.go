package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

// Errors after which the results are good, as far as they go.
var (
	// ErrInterrupted says that the run was interrupted; the same call goes on.
	ErrInterrupted = errors.New("interrupted")
	// ErrFailedRequests says that requests were not answered.
	ErrFailedRequests = errors.New("requests failed")
)

// failuresInARow is how many requests may fail one after the other before the
// run is given up.
const failuresInARow = 5

// run is one run of the benchmarks.
type run struct {
	cfg      Config
	cpus     cpus
	ledger   *ledger
	progress Progress
	// functions are those that something is left to do of, by name.
	functions map[string]assembled
	services  *services
}

// Run runs all configurations that are not finished yet, one after the other,
// and returns when they are, or soon after ctx has ended (ErrInterrupted).
// Requests that are not answered are recorded and end as ErrFailedRequests;
// any other error ends the run where it is. This process keeps off the
// workers' CPU until Run returns.
func Run(ctx context.Context, cfg Config) (err error) {
	if err := cfg.Check(); err != nil {
		return err
	}
	if cfg.Gateway == nil && os.Geteuid() != 0 {
		return errors.New("workers need root: for namespaces of their own, and for CRIU")
	}
	r := &run{cfg: cfg, progress: cfg.Progress, functions: map[string]assembled{}, services: newServices(cfg.Work)}
	if r.progress == nil {
		r.progress = silence{}
	}
	unlock, err := r.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.ledger.close(), unlock()) }()
	if cfg.Gateway != nil {
		return r.all(ctx) // everything else is the cluster's
	}
	if r.cpus, err = shareCPUs(cfg.CPU, max(1, cfg.WorkerCPUs)); err != nil {
		return err
	}
	undo, err := r.cpus.keepOff()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, undo()) }()
	defer func() { err = errors.Join(err, r.services.close()) }()
	if err := r.prepare(ctx); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("%w: run it again to go on", ErrInterrupted)
		}
		return err
	}
	return r.all(ctx)
}

// prepare assembles the functions that something is left to do of and starts
// the services that they talk to: what is missing is to be known at once, and
// not hours later.
func (r *run) prepare(ctx context.Context) error {
	for _, c := range r.cfg.Steps() {
		if _, known := r.functions[c.Function]; known || r.ledger.done[c.Configuration] >= c.Until {
			continue
		}
		f, err := r.cfg.assemble(ctx, c.Function)
		if err != nil {
			return err
		}
		if err := r.services.start(ctx, f.services); err != nil {
			return fmt.Errorf("function %s: %w", f.name, err)
		}
		r.functions[f.name] = f
	}
	return nil
}

// open takes the files of the run and puts them in order.
func (r *run) open(ctx context.Context) (unlock func() error, err error) {
	unlock, err = lock(r.cfg.Work)
	if err != nil {
		return nil, err
	}
	if r.cfg.Fresh {
		err = Remove(r.cfg)
	}
	if err == nil {
		err = r.cfg.claim(ctx)
	}
	if err == nil {
		r.ledger, err = openLedger(results.SetOf(r.cfg.Out))
	}
	if err != nil {
		return nil, errors.Join(err, unlock())
	}
	return unlock, nil
}

// lock keeps a second run off the directory for as long as this one lives.
func lock(dir string) (unlock func() error, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("work directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("work directory: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("work directory %s: another run is using it: %w", dir, err), f.Close())
	}
	return f.Close, nil
}

func (r *run) all(ctx context.Context) error {
	steps := r.cfg.Steps()
	r.progress.Start(steps, func(c Configuration) int { return r.ledger.done[c] })
	defer r.progress.End()
	for _, step := range steps {
		if err := r.step(ctx, step); err != nil {
			return err
		}
	}
	if n := r.ledger.failed; n > 0 {
		return fmt.Errorf("%w: %d, see the column error of %s", ErrFailedRequests, n, results.SetOf(r.cfg.Out).Requests)
	}
	return nil
}

// step does what is left of a step.
func (r *run) step(ctx context.Context, step Step) error {
	c, done := step.Configuration, r.ledger.done[step.Configuration]
	if done >= r.cfg.requests(c) {
		return os.RemoveAll(r.cfg.stateDir(c)) // of one that was killed at its end
	}
	if done >= step.Until {
		return nil
	}
	r.progress.Begin(c, done)
	s, err := r.openPlace(ctx, c, done)
	if err == nil {
		err = errors.Join(r.drive(ctx, step, s), s.close(), r.ledger.lostLifetime())
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%w: run it again to go on", ErrInterrupted)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c, err)
	}
	if step.Until < r.cfg.requests(c) {
		return nil
	}
	return s.remove(ctx)
}

// drive sends the requests that are left, and pauses after the last one, too:
// what it has set off is part of the configuration.
func (r *run) drive(ctx context.Context, step Step, w place) error {
	c, inARow := step.Configuration, 0
	for number := r.ledger.done[c]; number < step.Until && ctx.Err() == nil; number++ {
		a, sent, failure := r.request(ctx, w)
		if failure != nil && (ctx.Err() != nil || w.hasEnded()) {
			return w.explained(failure)
		}
		row, err := r.record(c, number, a, sent, failure)
		if err != nil {
			return err
		}
		r.progress.Request(row)
		if inARow++; failure == nil {
			inARow = 0
		}
		if inARow == failuresInARow {
			return w.explained(fmt.Errorf("%d requests in a row failed, the last one with: %w", inARow, failure))
		}
		rest := time.After(r.cfg.Pause)
		w.settle(ctx, a, r.cfg.Settle)
		wait(ctx, rest)
	}
	return nil
}
