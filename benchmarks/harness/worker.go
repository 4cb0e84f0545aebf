package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/sandbox"
)

// Where a worker serves, inside its sandbox.
const (
	serviceURL = "http://127.0.0.1:8080"
	metricsURL = "http://127.0.0.1:8081/metrics"
)

const (
	// readyWithin is how long the first start of a function may take.
	readyWithin = 60 * time.Second
	// stopWithin is how long a worker may take for its last words.
	stopWithin = 15 * time.Second
	// lookEvery is the pause between two looks at a worker that starts.
	lookEvery = 20 * time.Millisecond
)

// worker is a running fwatchdog with its function.
type worker struct {
	sandbox *sandbox.Sandbox
	done    <-chan struct{} // closed when it has ended
	client  *http.Client
	log     string // path of what watchdog and function print
}

// workerSettings say what a worker runs and on what.
type workerSettings struct {
	watchdog  string
	function  assembled
	cell      Configuration
	agentURL  string
	reachable []string
	services  []service
	cpus      []int
	// keepRandom lets restores repeat the snapshot's random numbers.
	keepRandom bool
	// gcTime has the function report the time of garbage collection.
	gcTime bool
	// cache is the directory of the node's cache; "" = none.
	cache string
	log   *os.File
}

// startWorker starts a worker and waits until its first process is up, as one
// waits after a deployment. It is killed when the harness dies, and must be
// stopped or closed.
func startWorker(ctx context.Context, s workerSettings) (*worker, error) {
	box, err := sandbox.Start(context.WithoutCancel(ctx), sandbox.Spec{
		Args: []string{s.watchdog}, Env: s.environment(), Dir: s.function.dir,
		Stdout: s.log, Stderr: s.log, CPUs: s.cpus, CPUGroup: true, Forward: s.reachable, ForwardAt: s.serviceAddresses(),
	})
	if err != nil {
		return nil, err
	}
	w := &worker{sandbox: box, done: box.Done(), client: box.Client(), log: s.log.Name()}
	if err := w.awaitReady(ctx); err != nil {
		return nil, errors.Join(w.explained(err), box.Close())
	}
	return w, nil
}

// environment is all that the watchdog and the function get. The limit on the
// pause of a checkpoint is out of the way: it is there to protect requests,
// and would end the checkpoints of a configuration half-way.
func (s workerSettings) environment() []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"), "TMPDIR=/dev/shm",
		"mode=http", "fprocess=" + s.function.process, "upstream_url=" + s.function.upstream,
		"healthcheck_interval=1ms",
		"snapshot_agent_url=" + s.agentURL,
		"snapshot_function=" + s.function.name,
		"snapshot_strategy=" + s.cell.Strategy,
		"snapshot_evict_after=" + strconv.Itoa(s.cell.Rate),
		"snapshot_max_pause=20s",
		"snapshot_headers=true",
	}
	env = append(env, s.function.environment...)
	if s.keepRandom {
		env = append(env, "snapshot_keep_random=true")
	}
	if s.gcTime {
		env = append(env, "gc_time=true")
	}
	if s.cache != "" {
		env = append(env, "snapshot_cache_dir="+s.cache)
	}
	for _, service := range s.services {
		env = append(env, service.env...)
	}
	for _, name := range []string{"PRONGHORN_CRIU", "JAVA_HOME"} {
		if v := os.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// serviceAddresses are the addresses of the services on the host, by those inside.
func (s workerSettings) serviceAddresses() map[string]string {
	addresses := make(map[string]string)
	for _, service := range s.services {
		addresses[service.inside] = service.host
	}
	return addresses
}

// awaitReady waits for the first lifetime, and leaves an open connection to
// the worker behind, so that no request is measured with the set-up of one.
func (w *worker) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyWithin, fmt.Errorf("the function is not up after %s", readyWithin))
	defer cancel()
	for !w.hasStarted(ctx) {
		select {
		case <-w.done:
			return w.ended()
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(lookEvery):
		}
	}
	_, err := w.get(ctx, serviceURL+"/_/ready")
	return err
}

// hasStarted looks at the counter of lifetimes: health and readiness say that
// the watchdog accepts requests, which it does before the function is up.
func (w *worker) hasStarted(ctx context.Context) bool {
	metrics, err := w.get(ctx, metricsURL)
	return err == nil && bytes.Contains(metrics, []byte("\npronghorn_lifetimes_total{"))
}

func (w *worker) get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

// hasEnded reports whether the watchdog is gone.
func (w *worker) hasEnded() bool {
	select {
	case <-w.done:
		return true
	default:
		return false
	}
}

func (w *worker) ended() error {
	if err := w.sandbox.Wait(); err != nil {
		return fmt.Errorf("the watchdog has ended: %w", err)
	}
	return errors.New("the watchdog has ended")
}

// stop ends the worker in order: the running lifetime is reported.
func (w *worker) stop() error {
	w.client.CloseIdleConnections()
	if err := w.sandbox.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return errors.Join(fmt.Errorf("stop the worker: %w", err), w.sandbox.Close())
	}
	var late error
	select {
	case <-w.done:
	case <-time.After(stopWithin):
		late = w.explained(fmt.Errorf("the watchdog did not end within %s of SIGTERM and was killed", stopWithin))
	}
	return errors.Join(late, w.sandbox.Close())
}

// explained adds the end of the log to an error, and where the rest is.
func (w *worker) explained(err error) error {
	return fmt.Errorf("%w; the log is %s and ends:\n%s", err, w.log, tail(w.log))
}

// tailLines is how much of a log an error shows.
const tailLines = 8

func tail(path string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	return "  " + strings.Join(lines[max(0, len(lines)-tailLines):], "\n  ")
}
