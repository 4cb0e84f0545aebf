// Package watchdog is the program that stands in front of a function in its
// container: it starts the function's process, passes requests on to it, and
// gives it hot starts from snapshots. A Go program can also put it in front of
// a handler of its own; see NewInProcess.
package watchdog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pronghorn-faas/pronghorn/watchdog/access"
	"github.com/pronghorn-faas/pronghorn/watchdog/config"
	"github.com/pronghorn-faas/pronghorn/watchdog/metrics"
	"github.com/pronghorn-faas/pronghorn/watchdog/process"
	"github.com/pronghorn-faas/pronghorn/watchdog/sockets"
)

// Watchdog serves one function.
type Watchdog struct {
	config  config.Config
	metrics *metrics.Metrics
	limiter limiter
	log     *slog.Logger
	lines   *log.Logger
	stderr  *access.Batch // what log, lines and the function write to
	// function answers the requests, ready those of /_/ready; nil = no ready_path.
	function, ready http.Handler
	// tasks run until the function is stopped. The first one that returns ends
	// the watchdog.
	tasks []task
	// serving is set while the watchdog accepts requests.
	serving atomic.Bool
}

// task runs until its context ends; an error before that is a failure.
type task func(context.Context) error

// reservedThreads is how many of its threads the runtime starts in advance,
// below the process ids of functions.
const reservedThreads = 32

// New sets up the mode that c asks for; nothing runs yet but the question
// whether snapshots are possible, if they were asked for. Lines go to stderr,
// those that the function writes to its standard output to stdout.
func New(ctx context.Context, c config.Config, stdout, stderr io.Writer) (*Watchdog, error) {
	w := newWatchdog(c, stderr)
	if err := w.setMode(ctx, process.Output{Stdout: stdout, Stderr: w.stderr, Prefix: c.PrefixLogs}); err != nil {
		return nil, err
	}
	return w, w.setAuth(ctx)
}

// NewInProcess sets up a watchdog in front of a handler of this program, the
// mode "inproc".
func NewInProcess(ctx context.Context, c config.Config, h http.Handler, stderr io.Writer) (*Watchdog, error) {
	if h == nil {
		return nil, errors.New("mode inproc: no handler")
	}
	w := newWatchdog(c, stderr)
	w.function = w.access().Wrap(h)
	return w, w.setAuth(ctx)
}

// access is the log of requests.
func (w *Watchdog) access() access.Log {
	return access.Log{Lines: log.New(w.stderr.Later(), "", log.LstdFlags), CallID: w.config.LogCallID}
}

func newWatchdog(c config.Config, stderr io.Writer) *Watchdog {
	batch := access.NewBatch(stderr)
	return &Watchdog{
		config: c, metrics: metrics.NewFor(c.Snapshot.Function), limiter: newLimiter(c.MaxInflight), stderr: batch,
		log: slog.New(slog.NewTextHandler(batch, nil)), lines: log.New(batch, "", log.LstdFlags),
	}
}

// Run serves until ctx ends, then drains. It returns nil after an orderly end
// and an error when the function ended by itself or something else fails.
func (w *Watchdog) Run(ctx context.Context) error {
	defer w.flush()
	if err := w.prepare(ctx); err != nil {
		return err
	}
	main, side, err := w.listen()
	if err != nil {
		return err
	}
	w.greet()
	// The function outlives ctx: it is stopped after the last request.
	tasks, stopTasks := context.WithCancel(context.WithoutCancel(ctx))
	defer stopTasks()
	ended := w.start(tasks)
	err = w.serve(ctx, main, side, ended)
	stopTasks()
	return errors.Join(err, <-ended)
}

// flush writes the lines of the last requests.
func (w *Watchdog) flush() { _ = w.stderr.Flush() } // there is nowhere left to complain

// serve serves until ctx ends, and then drains, or until something fails. What
// ended says stays there for the caller.
func (w *Watchdog) serve(ctx context.Context, main, side net.Listener, ended chan error) error {
	servers := w.servers()
	failed := make(chan error, 2)
	go func() { failed <- servers.main.Serve(main) }()
	go func() { failed <- servers.side.Serve(side) }()
	if err := w.lock(); err != nil {
		return errors.Join(err, servers.close())
	}
	select {
	case err := <-ended:
		ended <- err
		return errors.Join(w.unlock(), servers.finish(ctx))
	case err := <-failed:
		return errors.Join(err, w.unlock(), servers.close())
	case <-ctx.Done():
		return w.drain(context.WithoutCancel(ctx), servers, ended)
	}
}

// start starts the tasks. What the returned channel delivers is the end of the
// first of them that failed, or nil when all have ended.
func (w *Watchdog) start(ctx context.Context) chan error {
	ended := make(chan error, 1)
	each := make(chan error, len(w.tasks))
	for _, t := range w.tasks {
		go func() { each <- t(ctx) }()
	}
	go func() {
		for range w.tasks {
			if err := <-each; err != nil {
				ended <- err
				return
			}
		}
		<-ctx.Done() // without tasks, too, the end is the context's
		ended <- nil
	}()
	return ended
}

func (w *Watchdog) prepare(ctx context.Context) error {
	if err := process.ReapOrphans(ctx); err != nil {
		return err
	}
	if err := process.CloseOnExec(); err != nil {
		return err
	}
	if w.config.Snapshot.Enabled() {
		process.ReserveThreads(reservedThreads)
	}
	return nil
}

// greet logs the settings, in upstream's words.
func (w *Watchdog) greet() {
	c := w.config
	w.lines.Printf("Watchdog mode: %s\tfprocess: %q", c.Mode, strings.Join(c.Process, " "))
	w.lines.Printf("Timeouts: read: %s write: %s hard: %s health: %s", c.ReadTimeout, c.WriteTimeout, c.ExecTimeout, c.HealthInterval)
	w.lines.Printf("Listening on port: %d", c.Port)
}

func (w *Watchdog) listen() (main, side net.Listener, err error) {
	if main, err = net.Listen("tcp", ":"+strconv.Itoa(w.config.Port)); err != nil {
		return nil, nil, fmt.Errorf("port %d: %w", w.config.Port, err)
	}
	if side, err = net.Listen("tcp", ":"+strconv.Itoa(w.config.MetricsPort)); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("metrics port %d: %w", w.config.MetricsPort, err), main.Close())
	}
	return sockets.Listener{Listener: main}, side, nil
}

// drain keeps serving for a while after the end was asked for, since the
// platform still sends requests, then waits for those in flight. That some of
// them take too long does not make the end a failure. A function that ends by
// itself meanwhile ends it early.
func (w *Watchdog) drain(ctx context.Context, s servers, ended chan error) error {
	w.lines.Printf("SIGTERM: no new connections in %s", w.config.HealthInterval)
	err := w.unlock()
	select {
	case <-time.After(w.config.HealthInterval):
	case e := <-ended:
		ended <- e
		return errors.Join(err, s.finish(ctx))
	}
	ctx, cancel := context.WithTimeout(ctx, w.config.WriteTimeout)
	defer cancel()
	if shut := s.main.Shutdown(ctx); shut != nil {
		w.lines.Printf("Requests that were still running after write_timeout (%s) are cut: %v", w.config.WriteTimeout, shut)
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

// lastWords is how long answers may take that the function gave before it ended.
const lastWords = time.Second

// finish hands on what the function has answered before it ended by itself, and
// closes the servers.
func (s servers) finish(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	_ = s.main.Shutdown(ctx) // what is left then has nothing to wait for
	return s.close()
}

func (s servers) close() error { return errors.Join(s.main.Close(), s.side.Close()) }
