package harness

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/pronghorn-faas/pronghorn/agent"
)

// stateDir is the directory of a configuration's state.
func (c Config) stateDir(cell Configuration) string {
	return filepath.Join(c.Work, "state", cell.name())
}

// cacheDir is that of a configuration's node, which workers that run elsewhere
// find too; "" = none.
func (c Config) cacheDir(cell Configuration) (string, error) {
	if !c.NodeCache {
		return "", nil
	}
	return filepath.Abs(filepath.Join(c.stateDir(cell), "cache"))
}

// stage is all that runs for a configuration.
type stage struct {
	dir      string // of its state
	function string
	control  *control
	*worker
	log *os.File
}

// place is where the requests of a configuration go.
type place interface {
	target
	// settle waits, but not longer than limit, while a checkpoint goes on that
	// an answered request has set off.
	settle(ctx context.Context, a answer, limit time.Duration)
	// close ends what runs; what the configuration has learnt stays.
	close() error
	// remove forgets that, too.
	remove(ctx context.Context) error
}

// openPlace makes a configuration of which so many requests are done ready to
// be sent more.
func (r *run) openPlace(ctx context.Context, c Configuration, done int) (place, error) {
	if r.cfg.Gateway != nil {
		return r.cfg.Gateway.open(ctx, r.cfg, c, done)
	}
	return r.openStage(ctx, c, done)
}

func (s *stage) settle(ctx context.Context, a answer, limit time.Duration) {
	s.control.checkpoints.settle(ctx, a.lifetime, a.lineage, limit)
}

// openStage starts control plane and worker on the state that an interrupted
// run has left, or on none.
func (r *run) openStage(ctx context.Context, c Configuration, done int) (*stage, error) {
	s := &stage{dir: r.cfg.stateDir(c), function: c.Function}
	var err error
	if s.log, err = r.openLog(c, done); err != nil {
		return nil, err
	}
	if err := r.startStage(ctx, s, c, r.functions[c.Function], done); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (r *run) startStage(ctx context.Context, s *stage, c Configuration, f assembled, done int) error {
	poolURL, poolAddr, err := r.cfg.poolURL(c, s.dir)
	if err != nil {
		return err
	}
	if err := r.startControl(ctx, s, c, poolURL, done); err != nil {
		return err
	}
	reachable := s.control.Reachable
	if poolAddr != "" {
		reachable = append(reachable, poolAddr)
	}
	cache, err := r.cfg.cacheDir(c)
	if err != nil {
		return err
	}
	s.worker, err = startWorker(ctx, workerSettings{
		watchdog: r.cfg.Watchdog, function: f, cell: c, agentURL: s.control.AgentURL, reachable: reachable,
		services: r.services.of(f.services), cpus: r.cpus.worker, keepRandom: r.cfg.KeepRandom, gcTime: r.cfg.GCTime, cache: cache, log: s.log,
	})
	return err
}

// startControl starts the control plane, on nothing if nothing is done yet:
// what is there then belongs to requests that are not recorded.
func (r *run) startControl(ctx context.Context, s *stage, c Configuration, poolURL string, done int) error {
	if done == 0 {
		if err := os.RemoveAll(s.dir); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	var err error
	s.control, err = startControl(ctx, controlSettings{
		dir: s.dir, poolURL: poolURL, seed: c.seed(r.cfg.Seed, done), log: slog.New(slog.NewTextHandler(s.log, nil)),
		observe: func(rec agent.LifetimeRecord) { r.ledger.addLifetime(c, rec) },
	})
	if err != nil || done > 0 {
		return err
	}
	return empty(ctx, s.control.Pool, c.Function) // a bucket is not in the directory
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
		errs[1] = s.control.Close()
	}
	errs[2] = s.log.Close()
	return errors.Join(errs[:]...)
}

// remove removes the state of a finished configuration.
func (s *stage) remove(ctx context.Context) error {
	return errors.Join(empty(ctx, s.control.Pool, s.function), os.RemoveAll(s.dir))
}
