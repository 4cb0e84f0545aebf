// Package lifetime runs the function's process, one lifetime after the other:
// it asks the agent for a plan, starts the process cold or from a snapshot,
// opens the gate, takes the checkpoint that the plan asks for between two
// requests, evicts when the plan says so, and starts the next (paper,
// section 4, the worker's side).
//
// Whatever of this fails, the function is started cold and serves.
package lifetime

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/snapshot/criu"
	"github.com/pronghorn-faas/pronghorn/snapshot/userfault"
	"github.com/pronghorn-faas/pronghorn/watchdog/gate"
	"github.com/pronghorn-faas/pronghorn/watchdog/metrics"
	"github.com/pronghorn-faas/pronghorn/watchdog/process"
)

// Agent plans lifetimes and keeps the pool; *agent.Client is one.
type Agent interface {
	Start(ctx context.Context, req agent.StartRequest) (agent.Plan, error)
	Fail(ctx context.Context, snapshot, lifetime string) error
	End(ctx context.Context, rec agent.LifetimeRecord) error
	Upload(ctx context.Context, req agent.UploadRequest) (agent.Upload, error)
	Register(ctx context.Context, reg agent.Registration) (agent.Registered, error)
}

// PIDs chooses the ids of processes to come; *criu.PIDs does.
type PIDs interface {
	process.PIDs
	// First is the id of a function that is started cold: the one that is
	// wanted; 0 = the one that is best here.
	First(wanted int) (int, error)
}

// Images moves images between the pool and this worker; *snapshot.Transfer is one.
type Images interface {
	Fetch(ctx context.Context, req snapshot.FetchRequest) (snapshot.Fetched, error)
	Store(ctx context.Context, req snapshot.StoreRequest) (snapshot.Stored, error)
}

// Engine prepares dumps and restores; *CRIU is one.
type Engine interface {
	process.Engine
	PrepareDump(ctx context.Context, pid int, o criu.DumpOptions) (PreparedDump, error)
}

// PreparedDump dumps a process once; *criu.Dump is one.
type PreparedDump interface {
	Run(ctx context.Context) error
	Image() (*snapshot.Image, snapshot.Process, error)
	Close() error
}

// Reporter sends latencies to the KV service.
type Reporter interface {
	// UseKV says where the service is.
	UseKV(url string)
	// Flush sends what waits, as long as ctx lasts.
	Flush(ctx context.Context)
}

// Connections are those into the function, which requests of the manager's own
// use as well.
type Connections interface {
	http.RoundTripper
	// CloseIdle closes the ones that no request uses.
	CloseIdle()
	// Drain does so and waits until the function has closed its side, too: a
	// connection in an image is no use to anybody.
	Drain(ctx context.Context) error
}

// Settings of a manager.
type Settings struct {
	// Command starts the function cold. Its PID is the one that is wanted if
	// there are snapshots; 0 = whatever PIDs thinks best.
	Command process.Command
	// Address is where the function listens, HOST:PORT.
	Address string
	Output  process.Output
	// Stop bounds how long the function has between SIGTERM and SIGKILL.
	Stop time.Duration

	// Agent is nil when there are no snapshots; what follows is then unused.
	Agent Agent
	// Support says whether dump and restore are possible here.
	Support *Support
	Engine  Engine
	Images  Images
	PIDs    PIDs
	// Function, Platform, Runtime, Strategy, Eviction and Evict are what the
	// agent is told; see agent.StartRequest.
	Function, Platform, Runtime, Strategy string
	Eviction                              int
	Evict                                 bool
	// Dir is where images are staged.
	Dir string
	// MaxPause bounds the time in which requests are held for a checkpoint.
	MaxPause time.Duration
	// MaxMemory bounds the memory that a checkpoint takes, in bytes.
	MaxMemory int64
	// Keys encrypt snapshots; nil = they are not encrypted.
	Keys *snapshot.Keyring
	// Lazy lets restored processes have their memory from a userfault.Pager instead
	// of CRIU, and run before they have all of it, where LazyMin bytes can wait.
	Lazy    bool
	LazyMin int64
	// SeedDir is a directory of the node in which CRIU's cache of the kernel is
	// left for other containers; "" = none.
	SeedDir string
	// Cache is this node's of what was fetched; nil = none.
	Cache *snapshot.Cache
	Hooks Hooks
	// ReadyURL is asked after a restore whether the function is ready; "" = it
	// is when it accepts connections.
	ReadyURL string
	// Faults is for tests: it is called with the name of every step that has
	// just been done, and may end the program there. nil in production.
	Faults func(step string)
}

// Manager runs the lifetimes of one function. Its fields are set by New and
// belong to Run, but for what says otherwise.
type Manager struct {
	Settings
	gate     *gate.Gate
	conns    Connections
	reporter Reporter
	metrics  *metrics.Metrics
	log      *slog.Logger
	// distrust says why the next lifetime is not to be restored; "" = it may be.
	distrust Failure
	// answered is when the first answer of the lifetime was complete, in ns since
	// 1970; 0 = none was yet. NoteResponse sets it.
	answered atomic.Int64
	// first is what is filled after that answer.
	first atomic.Pointer[memory]
	// release lets work in the background go on after that answer.
	release atomic.Pointer[func()]
	// started is set when there was a lifetime.
	started bool
	// noCheckpoints is set when dumps take too long to try again.
	noCheckpoints bool
	// background is what goes on with images beside the lifetimes; keeping says
	// that one is on its way into the cache.
	background sync.WaitGroup
	keeping    atomic.Bool
	// taken is the newest snapshot that was stored here; nil = none, or no
	// lifetime follows in this container.
	taken atomic.Pointer[taken]
}

// step tells of a step that was done.
func (m *Manager) step(name string) {
	if m.Faults != nil {
		m.Faults(name)
	}
}

// New returns a manager that lets requests through g.
func New(s Settings, g *gate.Gate, c Connections, r Reporter, m *metrics.Metrics, log *slog.Logger) *Manager {
	return &Manager{Settings: s, gate: g, conns: c, reporter: r, metrics: m, log: log}
}

// NoteResponse says that the first answer of the lifetime is complete. It may
// be called at any time.
func (m *Manager) NoteResponse() {
	if m.answered.CompareAndSwap(0, time.Now().UnixNano()) {
		m.first.Load().fill()
		if release := m.release.Load(); release != nil {
			(*release)()
		}
	}
}

// ErrFunctionEnded says that the function's process has ended by itself.
var ErrFunctionEnded = errors.New("Forked function has terminated") //nolint:staticcheck // upstream's words, which log rules look for

// Run runs lifetimes until ctx ends, and then stops the process. It returns
// ErrFunctionEnded when a function that was started cold ends by itself, and
// another error when it cannot be started at all.
func (m *Manager) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer m.background.Wait()
	defer cancel()
	for {
		life, err := m.start(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		reason := m.serve(ctx, life)
		m.end(ctx, life, reason)
		switch {
		case reason == endShutdown:
			return nil
		case reason == endExited && !life.restored() && !life.abandoned:
			return fmt.Errorf("%w: %w", ErrFunctionEnded, exitError(life.process))
		}
	}
}

func exitError(p *process.Process) error {
	if err := p.Err(); err != nil {
		return err
	}
	return errors.New("exit status 0")
}

// Reasons for the end of a lifetime.
const (
	endEvicted  = "evicted"
	endShutdown = "shutdown"
	endExited   = "exited"
)

// life is one lifetime.
type life struct {
	record  agent.LifetimeRecord
	plan    agent.Plan
	process *process.Process
	// memory is what the process does not get from CRIU, missing says what that is,
	// whole that it gets all of it before it runs, and known what its image says that
	// it touches first.
	memory  *memory
	missing []userfault.Missing
	known   criu.Touches
	whole   bool
	// follows is set when it is not the first in its container, which was started
	// since somebody wanted it.
	follows bool
	// opened is when the gate was opened to it.
	opened time.Time
	// uploaded is closed when the upload of its checkpoint is over; nil if
	// there is none.
	uploaded chan struct{}
	// preparation is of its checkpoint, base of what that can share.
	preparation *preparation
	base        *base
	// moved is what the upload has sent, in bytes.
	moved int64
	// abandoned is set when we ended the process because a dump went wrong.
	abandoned bool
}

func newLife() *life {
	return &life{record: agent.LifetimeRecord{Lifetime: rand.Text(), Start: agent.Cold, Started: time.Now().UTC()}}
}

func (m *Manager) mode() string { return m.Support.Mode() }

func (l *life) restored() bool { return l.record.Start == agent.Restored }

// gateLifetime is what requests are told of the lifetime.
func (l *life) gateLifetime() gate.Lifetime {
	return gate.Lifetime{ID: l.record.Lifetime, RequestNumber: l.record.RequestNumber, Restored: l.restored()}
}

// stage makes an empty directory for an image.
func (m *Manager) stage() (string, error) {
	if err := os.MkdirAll(m.Dir, 0o700); err != nil {
		return "", err
	}
	return os.MkdirTemp(m.Dir, "image-*")
}

// accepts reports whether something listens at the function's address.
func (m *Manager) accepts(ctx context.Context) bool {
	d := net.Dialer{Timeout: time.Second}
	conn, err := d.DialContext(ctx, "tcp", m.Address)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}
