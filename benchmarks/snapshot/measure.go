package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pronghorn-faas/pronghorn/benchmarks/machine"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// measure does a whole run.
func measure(ctx context.Context, o options) (_ *report, err error) {
	cpus, err := planCPUs(o.free)
	if err != nil {
		return nil, err
	}
	if err := machine.Pin(cpus.Others); err != nil {
		return nil, err
	}
	if o.watchdog, err = filepath.Abs(o.watchdog); err != nil {
		return nil, err
	}
	work, err := workDir(o.work)
	if err != nil {
		return nil, err
	}
	if o.work == "" {
		defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	}
	r := newReport(o, cpus)
	for _, runtime := range o.runtimes {
		result, err := measureRuntime(ctx, o, cpus, runtime, work)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", runtime, err)
		}
		r.Runtimes[runtime] = result
	}
	r.finish()
	return r, nil
}

// workDir is an absolute path that sandboxes see too: they have a /dev/shm and
// a /run of their own.
func workDir(asked string) (string, error) {
	if asked == "" {
		return os.MkdirTemp("", "snapshot-speed-")
	}
	return filepath.Abs(asked)
}

func measureRuntime(ctx context.Context, o options, cpus cpuPlan, runtime, work string) (_ *result, err error) {
	s, err := openStage(ctx, o, cpus, runtime, work)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	s.result.Function, s.result.Began, s.result.LoadBefore = s.function.name, time.Now(), machine.Load()
	if err := s.lineage(ctx); err != nil {
		return nil, err
	}
	parts := map[string]func(context.Context) error{partStarts: s.starts, partPauses: s.pauses, partCPUTime: s.spending}
	for _, part := range o.parts {
		if err := parts[part](ctx); err != nil {
			return nil, err
		}
	}
	s.result.CopyMS = copies(o.n, int64(s.result.Pages)*snapshot.PageSize)
	s.result.Ended, s.result.LoadAfter = time.Now(), machine.Load()
	return s.result, nil
}
