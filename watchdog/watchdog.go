// Package watchdog is the program that stands in front of a function in its
// container: it starts the function's process, passes requests on to it, and
// gives it hot starts from snapshots.
package watchdog

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/pronghorn-faas/pronghorn/watchdog/config"
	"github.com/pronghorn-faas/pronghorn/watchdog/gate"
	"github.com/pronghorn-faas/pronghorn/watchdog/lifetime"
	"github.com/pronghorn-faas/pronghorn/watchdog/metrics"
	"github.com/pronghorn-faas/pronghorn/watchdog/process"
	"github.com/pronghorn-faas/pronghorn/watchdog/proxy"
	"github.com/pronghorn-faas/pronghorn/watchdog/report"
)

// Watchdog serves one function.
type Watchdog struct {
	config   config.Config
	metrics  *metrics.Metrics
	gate     *gate.Gate
	proxy    *proxy.Proxy
	reporter *report.Reporter
	manager  *lifetime.Manager
	limiter  limiter
	log      *slog.Logger
	lines    *log.Logger
	// serving is set while the watchdog accepts requests.
	serving atomic.Bool
}

// reservedThreads is how many of its threads the runtime starts in advance,
// below the process ids of functions.
const reservedThreads = 32

// New sets everything up; nothing runs yet. It finds out whether snapshots are
// possible here, and says so in the log when they were asked for and are not.
func New(ctx context.Context, c config.Config, logger *slog.Logger) (*Watchdog, error) {
	if c.Mode != config.ModeHTTP {
		return nil, fmt.Errorf("mode %q: only http is supported by this version", c.Mode)
	}
	w := &Watchdog{config: c, metrics: metrics.New(), gate: &gate.Gate{}, limiter: newLimiter(c.MaxInflight),
		log: logger, lines: log.Default()}
	w.reporter = report.New(c.Snapshot.Function, w.metrics, logger)
	w.proxy = proxy.New(proxy.Settings{
		Upstream: c.UpstreamURL, ExecTimeout: c.ExecTimeout, Headers: c.Snapshot.Headers,
		Reserved: hookPaths(c.Snapshot), BufferBody: c.BufferBody, LogCallID: c.LogCallID, Log: w.lines,
	}, w.gate, w.observe, w.metrics)
	settings, err := w.lifetimeSettings(ctx)
	if err != nil {
		return nil, err
	}
	w.manager = lifetime.New(settings, w.gate, w.proxy, kvReporter{w.reporter, c.Snapshot, logger}, w.metrics, logger)
	return w, nil
}

func hookPaths(s config.Snapshot) []string {
	var paths []string
	for _, p := range []string{s.HookBefore, s.HookAfter} {
		if p != "" {
			paths = append(paths, p)
		}
	}
	return paths
}

// observe reports the latencies of answers that say something about how warm
// the function is: those of errors do not.
func (w *Watchdog) observe(p gate.Pass, latency time.Duration, status int) {
	if w.config.Snapshot.Enabled() && status/100 == 2 {
		w.reporter.Add(p.Lifetime.ID, p.Number, latency)
	}
}

// Run serves until ctx ends, then drains. It returns nil after an orderly end
// and an error when the function ended by itself or something else fails.
func (w *Watchdog) Run(ctx context.Context) error {
	if err := prepare(ctx, w.config.Snapshot.Enabled()); err != nil {
		return err
	}
	main, side, err := w.listen()
	if err != nil {
		return err
	}
	// The function outlives ctx: it is stopped after the last request.
	functions, stopFunction := context.WithCancel(context.WithoutCancel(ctx))
	defer stopFunction()
	failed := make(chan error, 3)
	ended := make(chan error, 1)
	go w.reporter.Run(functions)
	go func() { ended <- w.manager.Run(functions) }()
	servers := w.servers()
	go func() { failed <- servers.main.Serve(main) }()
	go func() { failed <- servers.side.Serve(side) }()
	if err := w.lock(); err != nil {
		return errors.Join(err, servers.close())
	}
	select {
	case err := <-ended:
		return errors.Join(err, w.unlock(), servers.close())
	case err := <-failed:
		return errors.Join(err, w.unlock(), servers.close())
	case <-ctx.Done():
	}
	err = w.drain(functions, servers, ended)
	stopFunction()
	return errors.Join(err, <-ended)
}

func prepare(ctx context.Context, snapshots bool) error {
	if err := process.ReapOrphans(ctx); err != nil {
		return err
	}
	if err := process.CloseOnExec(); err != nil {
		return err
	}
	if snapshots {
		process.ReserveThreads(reservedThreads)
	}
	return nil
}

func (w *Watchdog) listen() (main, side net.Listener, err error) {
	if main, err = net.Listen("tcp", ":"+strconv.Itoa(w.config.Port)); err != nil {
		return nil, nil, fmt.Errorf("port %d: %w", w.config.Port, err)
	}
	if side, err = net.Listen("tcp", ":"+strconv.Itoa(w.config.MetricsPort)); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("metrics port %d: %w", w.config.MetricsPort, err), main.Close())
	}
	return main, side, nil
}

// drain keeps serving for a while after the end was asked for, since the
// platform still sends requests, then waits for those in flight. A function
// that ends by itself meanwhile ends it early.
func (w *Watchdog) drain(ctx context.Context, s servers, ended chan error) error {
	w.log.Info("shutting down", "serving_on", w.config.HealthInterval)
	err := w.unlock()
	select {
	case <-time.After(w.config.HealthInterval):
	case e := <-ended:
		ended <- e
		return errors.Join(err, s.close())
	}
	ctx, cancel := context.WithTimeout(ctx, w.config.WriteTimeout)
	defer cancel()
	if shut := s.main.Shutdown(ctx); shut != nil {
		err = errors.Join(err, fmt.Errorf("requests were still running after write_timeout (%s): %w", w.config.WriteTimeout, shut))
	}
	return errors.Join(err, s.close())
}

// lock says that requests are accepted, in the way the platform looks for it.
func (w *Watchdog) lock() error {
	w.serving.Store(true)
	if w.config.SuppressLock {
		return nil
	}
	w.lines.Printf("Writing lock-file to: %s", w.config.LockFile)
	if err := os.WriteFile(w.config.LockFile, nil, 0o660); err != nil {
		return fmt.Errorf("write lock file: %w (set suppress_lock=true to do without)", err)
	}
	return nil
}

func (w *Watchdog) unlock() error {
	w.serving.Store(false)
	if w.config.SuppressLock {
		return nil
	}
	if err := os.Remove(w.config.LockFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove lock file: %w", err)
	}
	return nil
}

// servers are the function's and that of the metrics.
type servers struct{ main, side *http.Server }

func (w *Watchdog) servers() servers {
	return servers{
		main: &http.Server{Handler: w.handler(), ReadTimeout: w.config.ReadTimeout, WriteTimeout: w.config.WriteTimeout, MaxHeaderBytes: 1 << 20, ErrorLog: w.lines},
		side: &http.Server{Handler: w.metrics.Handler(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: w.lines},
	}
}

func (s servers) close() error { return errors.Join(s.main.Close(), s.side.Close()) }
