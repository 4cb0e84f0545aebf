package harness

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/pronghorn-faas/pronghorn/agent"
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
	if os.Geteuid() != 0 {
		return errors.New("workers need root: for namespaces of their own, and for CRIU")
	}
	r := &run{cfg: cfg, progress: cfg.Progress}
	if r.progress == nil {
		r.progress = silence{}
	}
	unlock, err := r.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.ledger.close(), unlock()) }()
	if r.cpus, err = shareCPUs(cfg.CPU); err != nil {
		return err
	}
	undo, err := r.cpus.keepOff()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, undo()) }()
	return r.all(ctx)
}

// open takes the files of the run and puts them in order.
func (r *run) open() (unlock func() error, err error) {
	unlock, err = lock(r.cfg.Work)
	if err != nil {
		return nil, err
	}
	if r.cfg.Fresh {
		err = errors.Join(removeResults(r.cfg), os.RemoveAll(filepath.Join(r.cfg.Work, "state")))
	}
	if err == nil {
		err = r.cfg.claim()
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
	plan := r.cfg.plan()
	done := 0
	for _, c := range plan {
		done += r.ledger.done[c]
	}
	r.progress.Start(len(plan), r.cfg.Requests, done)
	defer r.progress.End()
	for _, c := range plan {
		if err := r.configuration(ctx, c); err != nil {
			return err
		}
	}
	if n := r.ledger.failed; n > 0 {
		return fmt.Errorf("%w: %d, see the column error of %s", ErrFailedRequests, n, results.SetOf(r.cfg.Out).Requests)
	}
	return nil
}

// configuration does what is left of one configuration.
func (r *run) configuration(ctx context.Context, c Configuration) error {
	done := r.ledger.done[c]
	if done >= r.cfg.Requests {
		return nil
	}
	r.progress.Begin(c, done)
	s, err := r.openStage(ctx, c, done)
	if err == nil {
		err = errors.Join(r.drive(ctx, c, s.worker), s.close(), r.ledger.lostLifetime())
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%w: run it again to go on", ErrInterrupted)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c, err)
	}
	return s.remove(ctx)
}

// drive sends the requests that are left, and pauses after the last one, too:
// what it has set off is part of the configuration.
func (r *run) drive(ctx context.Context, c Configuration, w *worker) error {
	inARow := 0
	for number := r.ledger.done[c]; number < r.cfg.Requests && ctx.Err() == nil; number++ {
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
		pause(ctx, r.cfg.Pause)
	}
	return nil
}

// stage is all that runs for a configuration.
type stage struct {
	dir      string // of its state
	function string
	control  *control
	worker   *worker
	log      *os.File
}

// openStage starts control plane and worker on the state that an interrupted
// run has left, or on none.
func (r *run) openStage(ctx context.Context, c Configuration, done int) (*stage, error) {
	s := &stage{dir: filepath.Join(r.cfg.Work, "state", c.name()), function: c.Function}
	f, err := r.cfg.assemble(ctx, c.Function)
	if err != nil {
		return nil, err
	}
	if s.log, err = r.openLog(c, done); err != nil {
		return nil, err
	}
	if err := r.startStage(ctx, s, c, f, done); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (r *run) startStage(ctx context.Context, s *stage, c Configuration, f assembled, done int) error {
	if done == 0 {
		if err := os.RemoveAll(s.dir); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	poolURL, poolAddr, err := r.cfg.poolURL(c, s.dir)
	if err != nil {
		return err
	}
	if s.control, err = startControl(ctx, controlSettings{
		dir: s.dir, poolURL: poolURL, seed: c.seed(r.cfg.Seed, done), log: slog.New(slog.NewTextHandler(s.log, nil)),
		observe: func(rec agent.LifetimeRecord) { r.ledger.addLifetime(c, rec) },
	}); err != nil {
		return err
	}
	if done == 0 { // a bucket is not in the directory
		if err := empty(ctx, s.control.pool, c.Function); err != nil {
			return err
		}
	}
	reachable := s.control.reachable
	if poolAddr != "" {
		reachable = append(reachable, poolAddr)
	}
	s.worker, err = startWorker(ctx, workerSettings{
		watchdog: r.cfg.Watchdog, function: f, cell: c, agentURL: s.control.agentURL, reachable: reachable,
		cpu: r.cpus.worker, random: r.cfg.KeepRandom, log: s.log,
	})
	return err
}

// openLog opens the log of a configuration, which a new start truncates.
func (r *run) openLog(c Configuration, done int) (*os.File, error) {
	path := filepath.Join(r.cfg.Work, "logs", c.name()+".log")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if done == 0 {
		flags |= os.O_TRUNC
	}
	return os.OpenFile(path, flags, 0o644)
}

// close ends the worker, whose last words go to the control plane, and then that.
func (s *stage) close() error {
	var errs [3]error
	if s.worker != nil {
		errs[0] = s.worker.stop()
	}
	if s.control != nil {
		errs[1] = s.control.close()
	}
	errs[2] = s.log.Close()
	return errors.Join(errs[:]...)
}

// remove removes the state of a finished configuration.
func (s *stage) remove(ctx context.Context) error {
	return errors.Join(empty(ctx, s.control.pool, s.function), os.RemoveAll(s.dir))
}
