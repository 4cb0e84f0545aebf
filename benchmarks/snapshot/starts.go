package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/benchmarks/machine"
)

// Ways to start from a snapshot. All but the next lifetime are in new
// containers, in which CRIU has no cache of the kernel's features; ours makes
// one, or finds one in the node's cache.
const (
	startEmpty      = "ours, empty cache"
	startWarm       = "ours, warm cache"
	startWarmDisk   = "ours, warm cache, on disk"
	startNext       = "ours, next lifetime in the container"
	startTheirs     = "theirs"
	startTheirsKdat = "theirs, with CRIU's cache"
)

// starts measures the time from the plan to the first response.
func (s *stage) starts(ctx context.Context) error {
	ways := []string{startEmpty, startTheirs, startWarm, startTheirsKdat, startWarmDisk}
	return inTurns(s.o.n, ways, func(round int, way string) error {
		if !strings.HasPrefix(way, s.o.ways) {
			return nil
		}
		began := time.Now()
		var err error
		switch way {
		case startTheirs, startTheirsKdat:
			err = s.startTheirWay(ctx, way, round)
		default:
			err = s.startOurWay(ctx, way, round)
		}
		if err != nil {
			return fmt.Errorf("start, %s: %w", way, err)
		}
		s.say("round %d of %d: start, %s: %s", round+1, s.o.n, way, time.Since(began).Round(time.Millisecond))
		return nil
	})
}

func (s *stage) addStart(way string, round int, began time.Time, values map[string]float64) {
	s.result.Starts = append(s.result.Starts, sample{Way: way, Round: round, Began: began, Values: values})
}

// prepareCache returns the directory for a way.
func (s *stage) prepareCache(way string) (string, error) {
	switch way {
	case startEmpty:
		return s.emptyCache()
	case startWarmDisk:
		return s.cache(), forget(s.cache())
	}
	return s.cache(), nil
}

// startOurWay starts a container, whose function is evicted after two requests
// and starts again.
func (s *stage) startOurWay(ctx context.Context, way string, round int) error {
	cache, err := s.prepareCache(way)
	if err != nil {
		return err
	}
	var w *worker
	var atPlan time.Duration
	launched := make(chan struct{})
	s.control.expect(func() {
		<-launched
		atPlan, _ = machine.CPUTimeWithChildren(w.PID())
	})
	began := time.Now()
	w, err = s.startOurs(ctx, plan{checkpointAt: s.deepest, evictAfter: 2, cache: cache})
	if err != nil {
		return err
	}
	close(launched)
	values := map[string]float64{}
	if err := s.useWorker(ctx, w, began, values); err != nil {
		return errors.Join(w.explain(err), w.Close())
	}
	values["cpu_ms"] -= milliseconds(atPlan)
	if err := w.stop(); err != nil {
		return err
	}
	return s.noteStarts(w, way, round, began, values)
}

// useWorker asks for a first response, looks at the CPU, and asks on until the
// next lifetime has answered.
func (s *stage) useWorker(ctx context.Context, w *worker, began time.Time, values map[string]float64) error {
	c, err := connect(ctx, w.Sandbox, watchdogAddr)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.ask(s.o.request); err != nil {
		return err
	}
	values["container_ms"] = milliseconds(time.Since(began))
	used, err := machine.NamespaceCPUTime(w.PID())
	if err != nil {
		return err
	}
	values["cpu_ms"] = milliseconds(used)
	return c.askTimes(2, s.o.request)
}

// noteStarts takes the phases from what the watchdog has reported.
func (s *stage) noteStarts(w *worker, way string, round int, began time.Time, values map[string]float64) error {
	records := s.control.recorded()
	if len(records) != 2 {
		return w.explain(fmt.Errorf("%d lifetimes, want 2", len(records)))
	}
	for i, rec := range records {
		if rec.Start != agent.Restored {
			return w.explain(fmt.Errorf("a lifetime was not restored: %s", rec.StartReason))
		}
		phases := startPhases(rec)
		if i == 1 {
			s.addStart(startNext, round, rec.Started, phases)
			continue
		}
		for name, v := range values {
			phases[name] = v
		}
		s.addStart(way, round, began, phases)
	}
	return nil
}

func startPhases(rec agent.LifetimeRecord) map[string]float64 {
	return map[string]float64{
		"total_ms": rec.FirstResponseMS, "plan_ms": rec.PlanMS, "fetch_ms": rec.FetchMS, "download_ms": rec.DownloadMS,
		"assemble_ms": rec.AssembleMS, "restore_ms": rec.RestoreMS, "start_ms": rec.StartMS, "start_up_ms": rec.StartUpMS,
		// What is in none of these is waiting for CRIU to be found out about.
		"other_ms": rec.StartUpMS - rec.PlanMS - rec.FetchMS - rec.StartMS, "answer_ms": rec.FirstResponseMS - rec.StartUpMS,
		"bytes": float64(rec.BytesDownloaded), "cached_bytes": float64(rec.BytesCached),
	}
}

// startTheirWay starts the reference in a container of its own.
func (s *stage) startTheirWay(ctx context.Context, way string, round int) (err error) {
	began := time.Now()
	t, err := s.startTheirs(ctx, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	o := order{Kdat: way == startTheirsKdat}
	if err := t.settle(ctx, o); err != nil {
		return err
	}
	before, err := machine.NamespaceCPUTime(t.PID())
	if err != nil {
		return err
	}
	out, err := t.tell(ctx, "start", o)
	if err != nil {
		return err
	}
	after, err := machine.NamespaceCPUTime(t.PID())
	if err != nil {
		return err
	}
	out.Values["cpu_ms"] = milliseconds(after - before)
	s.addStart(way, round, began, out.Values)
	return nil
}

// forget makes the kernel drop what it holds of the files under dir.
func forget(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		return errors.Join(f.Sync(), unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED))
	})
}
