package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/pronghorn-faas/pronghorn/benchmarks/machine"
	"github.com/pronghorn-faas/pronghorn/internal/sandbox"
)

// Where things listen in each watchdog's own network. The port of the metrics
// is fixed in upstream's.
const (
	watchdogAddr = "127.0.0.1:8080"
	metricsAddr  = "127.0.0.1:8081"
	functionAddr = "127.0.0.1:5000"
)

// startTimeout is how long a watchdog may take until it is healthy and its
// function answers.
const startTimeout = 20 * time.Second

// watchdog is one under measurement, in a sandbox with its function.
type watchdog struct {
	*sandbox.Sandbox
	name, tmp string
	// started is how long it took from its execution until it was healthy.
	started time.Duration
	// idle is its resident memory before the first request, in bytes,
	// and anonymous the part of it that is no file's.
	idle, anonymous int64
}

// startWatchdog starts a program. With a control plane it is its worker.
func startWatchdog(ctx context.Context, name string, p *program, cpus cpuPlan) (*watchdog, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	binary, err := filepath.Abs(p.path)
	if err != nil {
		return nil, err
	}
	tmp, err := os.MkdirTemp("", "proxy-")
	if err != nil {
		return nil, err
	}
	spec := sandbox.Spec{Args: []string{binary}, Env: environment(self, tmp, cpus), CPUGroup: true}
	if p.control != nil {
		spec.Env = append(spec.Env, p.control.environment()...)
		spec.Forward = []string{p.control.agent, p.control.kv}
	}
	if cpus.Watchdog >= 0 {
		spec.CPUs = []int{cpus.Watchdog} // the function moves itself if it is to
	}
	box, err := sandbox.Start(ctx, spec)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(tmp))
	}
	w := &watchdog{Sandbox: box, name: name, tmp: tmp}
	if err := w.settle(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%s (%s): %w", name, binary, err), w.stop())
	}
	return w, nil
}

// stop kills the watchdog and its function.
func (w *watchdog) stop() error {
	return errors.Join(w.Close(), os.RemoveAll(w.tmp))
}

// environment is the same for every watchdog.
func environment(self, tmp string, cpus cpuPlan) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "TMPDIR=" + tmp, "mode=http", "port=8080",
		"fprocess=" + fmt.Sprintf("%s %s %s %d", self, functionRole, functionAddr, cpus.Function),
		"upstream_url=http://" + functionAddr,
		"read_timeout=60s", "write_timeout=60s", "exec_timeout=60s",
	}
}

// settle waits for the watchdog and its function and notes what it sees.
func (w *watchdog) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	begin := time.Now()
	if err := w.await(ctx, "http://"+watchdogAddr+"/_/health"); err != nil {
		return err
	}
	w.started = time.Since(begin)
	if err := w.await(ctx, "http://"+functionAddr+"/"); err != nil {
		return err
	}
	var err error
	if w.idle, err = machine.Resident(w.PID()); err != nil {
		return err
	}
	w.anonymous, err = machine.Anonymous(w.PID())
	return err
}

// await asks until the answer is 200.
func (w *watchdog) await(ctx context.Context, url string) error {
	client := w.Client()
	defer client.CloseIdleConnections()
	for {
		if healthy(ctx, client, url) {
			return nil
		}
		select {
		case <-time.After(500 * time.Microsecond):
		case <-w.Done():
			return fmt.Errorf("it ended: %w", w.Wait())
		case <-ctx.Done():
			return fmt.Errorf("%s is not 200: %w", url, ctx.Err())
		}
	}
}

func healthy(ctx context.Context, client *http.Client, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// through is where requests for the function are sent to the watchdog.
func (w *watchdog) through(p cpuPlan) target {
	return target{connect: w.dialer(watchdogAddr), pid: w.PID(), loadCPU: p.Load}
}

// past is where they are sent to the function itself.
func (w *watchdog) past(p cpuPlan) target {
	return target{connect: w.dialer(functionAddr), loadCPU: p.Load}
}

func (w *watchdog) dialer(addr string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) { return w.Dial(ctx, "tcp", addr) }
}
