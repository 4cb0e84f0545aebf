package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/sandbox"
	"github.com/pronghorn-faas/pronghorn/internal/syncbuffer"
)

// Where things listen inside a sandbox.
const (
	watchdogAddr  = "127.0.0.1:8080"
	referenceAddr = "127.0.0.1:7070"
)

// stopWithin is how long a worker may take for its last words.
const stopWithin = 30 * time.Second

// worker is a program in a sandbox: our watchdog, or the reference.
type worker struct {
	*sandbox.Sandbox
	log *syncbuffer.Buffer
}

// launch starts a program on the workers' CPU, in the function's directory.
func (s *stage) launch(ctx context.Context, args, env []string) (*worker, error) {
	w := &worker{log: &syncbuffer.Buffer{}}
	spec := sandbox.Spec{
		Args: args, Env: append(s.environment(), env...), Dir: s.function.dir,
		Stdout: w.log, Stderr: w.log, CPUGroup: true, Forward: append([]string{s.minio.Address}, s.control.Reachable...),
	}
	if s.cpus.Worker >= 0 {
		spec.CPUs = []int{s.cpus.Worker}
	}
	var err error
	w.Sandbox, err = sandbox.Start(ctx, spec)
	return w, err
}

// environment is the same for all.
func (s *stage) environment() []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=/dev/shm"}
	for _, name := range []string{"JAVA_HOME", "PRONGHORN_PREFIX"} {
		if v := os.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return append(env, s.o.env...)
}

// plan is what a worker of ours is to do.
type plan struct {
	checkpointAt int    // request number of the lineage; it starts from the nearest snapshot below
	evictAfter   int    // 0 = never
	cache        string // directory; "" = none
}

// startOurs starts our watchdog as it is run in a container. The limit on a
// checkpoint's pause is out of the way: it is what is measured.
func (s *stage) startOurs(ctx context.Context, p plan) (*worker, error) {
	env := []string{
		"mode=http", "healthcheck_interval=1ms", "fprocess=" + s.function.process, "upstream_url=" + s.function.upstream,
		"snapshot_agent_url=" + s.control.AgentURL,
		"snapshot_function=" + s.function.name,
		fmt.Sprintf("snapshot_strategy=fixed&request_to_checkpoint=%d&max_capacity=1000", p.checkpointAt),
		fmt.Sprintf("snapshot_evict_after=%d", p.evictAfter),
		"snapshot_max_pause=20s",
	}
	env = append(env, s.function.environment...)
	if s.o.criu != "" {
		env = append(env, "PRONGHORN_CRIU="+s.o.criu)
	}
	if p.cache != "" {
		env = append(env, "snapshot_cache_dir="+p.cache)
	}
	return s.launch(ctx, []string{s.o.watchdog}, env)
}

// stop ends a watchdog in order, so that its lifetime is reported.
func (w *worker) stop() error {
	if err := w.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return errors.Join(err, w.Close())
	}
	select {
	case <-w.Done():
		return w.Close()
	case <-time.After(stopWithin):
		return errors.Join(w.explain(fmt.Errorf("the watchdog does not end within %s of SIGTERM", stopWithin)), w.Close())
	}
}

// explain adds the end of the log to an error.
func (w *worker) explain(err error) error {
	if err == nil || w.log == nil {
		return err
	}
	const shown = 12
	lines := strings.Split(strings.TrimSpace(w.log.String()), "\n")
	return fmt.Errorf("%w; its log ends:\n  %s", err, strings.Join(lines[max(0, len(lines)-shown):], "\n  "))
}
