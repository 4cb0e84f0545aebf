package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pronghorn-faas/pronghorn/benchmarks/machine"
)

// Ways to spend CPU time on a checkpoint.
const (
	spendOurs       = "ours"
	spendTheirs     = "theirs"
	spendTheirsKdat = "theirs, with CRIU's cache"
)

const (
	// few requests are served between start and checkpoint.
	few = 20
	// quiet is how long what follows a checkpoint may take.
	quiet = 500 * time.Millisecond
)

// spending measures the CPU time of a checkpoint: all that is used in the
// container from the first answer of a restored process until the snapshot is
// registered and what was made for it is gone, the few requests included.
func (s *stage) spending(ctx context.Context) error {
	lock, _ := networkLock()
	return inTurns(s.o.n, []string{spendOurs, spendTheirs, spendTheirsKdat}, func(round int, way string) error {
		if !strings.HasPrefix(way, s.o.ways) {
			return nil
		}
		one := sample{Way: way, Round: round, Began: time.Now(), Values: map[string]float64{}}
		var err error
		if way == spendOurs {
			err = s.spendOurWay(ctx, &one)
		} else {
			err = s.spendTheirWay(ctx, order{Options: lock, Kdat: way == spendTheirsKdat}, &one)
		}
		if err != nil {
			return fmt.Errorf("CPU time of a checkpoint, %s: %w", way, err)
		}
		s.result.Checkpoints = append(s.result.Checkpoints, one)
		s.say("round %d of %d: checkpoint, %s: %.0f ms of CPU time", round+1, s.o.n, way, one.Values["cpu_ms"])
		return nil
	})
}

func (s *stage) spendOurWay(ctx context.Context, one *sample) error {
	s.control.expect(func() {})
	w, err := s.startOurs(ctx, plan{checkpointAt: s.deepest + few, cache: s.cache()})
	if err != nil {
		return err
	}
	err = s.spend(ctx, w, one, func() error {
		_, err := s.control.awaitRegistered(ctx, w.Done())
		return err
	})
	if err != nil {
		return errors.Join(w.explain(err), w.Close())
	}
	return errors.Join(w.stop(), s.control.removeAbove(ctx, s.function.name, s.deepest))
}

func (s *stage) spendTheirWay(ctx context.Context, o order, one *sample) (err error) {
	t, err := s.startTheirs(ctx, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	if _, err := t.tell(ctx, "start", order{}); err != nil {
		return err
	}
	if err := t.settle(ctx, o); err != nil {
		return err
	}
	return t.explain(s.spend(ctx, t.worker, one, func() error {
		out, err := t.tell(ctx, "dump", o)
		one.Failed = out.Failed
		return err
	}))
}

// spend serves a few requests and takes a checkpoint.
func (s *stage) spend(ctx context.Context, w *worker, one *sample, checkpoint func() error) error {
	c, err := connect(ctx, w.Sandbox, watchdogAddr)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.ask(s.o.request); err != nil {
		return err
	}
	begin, err := machine.NamespaceCPUTime(w.PID())
	if err != nil {
		return err
	}
	if err := c.askTimes(few-1, s.o.request); err != nil {
		return err
	}
	if err := checkpoint(); err != nil {
		return err
	}
	time.Sleep(quiet)
	end, err := machine.NamespaceCPUTime(w.PID())
	one.Values["cpu_ms"] = milliseconds(end - begin)
	return err
}
