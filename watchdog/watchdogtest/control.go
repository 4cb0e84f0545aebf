package watchdogtest

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pronghorn-faas/pronghorn/agent"
	agentserver "github.com/pronghorn-faas/pronghorn/agent/server"
	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/internal/sandbox"
	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/kvstore/backend"
	kvserver "github.com/pronghorn-faas/pronghorn/kvstore/server"
	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/snapshot/pool"
)

// Control is a control plane on the host's loopback: a policy agent and a KV
// service, each of which can fail.
type Control struct {
	Agent, KV *Service
	Store     kvstore.Store
	// Objects are those of the pool.
	Objects snapshot.Pool
	// PoolDir is the directory of a "dir:" pool.
	PoolDir string
	// Reachable are further addresses that workers must reach, such as that of
	// an object store.
	Reachable []string

	mu      sync.Mutex
	records []agent.LifetimeRecord
}

// Service is an HTTP service whose behaviour can be replaced.
type Service struct {
	Addr    string
	handler atomic.Pointer[http.Handler]
	good    http.Handler
	server  *http.Server
	cancel  context.CancelFunc // of all requests
	serving sync.WaitGroup     // servers and their connections
}

// NewControl starts a control plane. An empty poolURL is a directory of its
// own, an empty storeURL a file of its own.
func NewControl(t testing.TB, storeURL, poolURL string) *Control {
	t.Helper()
	c := &Control{PoolDir: filepath.Join(t.TempDir(), "pool")}
	if storeURL == "" {
		storeURL = "file:" + filepath.Join(t.TempDir(), "kv.db")
	}
	if poolURL == "" {
		poolURL = "dir:" + c.PoolDir
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	var err error
	if c.Store, err = backend.Open(ctx, storeURL); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Store.Close() })
	if c.Objects, err = pool.Open(ctx, poolURL); err != nil {
		t.Fatal(err)
	}
	c.KV = serve(t, kvserver.New(c.Store, httpx.Auth{}))
	a, err := agentserver.New(agentserver.Config{
		Store: c.Store, Pool: c.Objects, KVURL: c.KV.URL(), Rand: agentserver.NewRand(1), Observer: c.observe,
	})
	if err != nil {
		t.Fatal(err)
	}
	c.Agent = serve(t, a.Handler())
	return c
}

func (c *Control) observe(_ string, rec agent.LifetimeRecord) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.records = append(c.records, rec)
}

// Records are the lifetimes that have ended so far.
func (c *Control) Records() []agent.LifetimeRecord {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]agent.LifetimeRecord(nil), c.records...)
}

func serve(t testing.TB, h http.Handler) *Service {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Service{Addr: ln.Addr().String(), good: h}
	s.Mend()
	s.start(ln)
	t.Cleanup(s.end)
	return s
}

func (s *Service) start(ln net.Listener) {
	ctx, cancel := context.WithCancel(context.Background())
	server := &http.Server{
		BaseContext: func(net.Listener) context.Context { return ctx },
		Handler:     http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*s.handler.Load()).ServeHTTP(w, r) }),
		ConnState:   s.count,
	}
	s.server, s.cancel = server, cancel
	s.serving.Go(func() { _ = server.Serve(ln) })
}

func (s *Service) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.serving.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.serving.Done()
	}
}

// end stops the service and waits for what it was doing: a request that has
// lost its client writes to the pool's directory until it finds out, and would
// do so while the test removes it.
func (s *Service) end() {
	s.Stop()
	s.serving.Wait()
}

// URL is the service's base URL.
func (s *Service) URL() string { return "http://" + s.Addr }

// Break makes the service answer with h.
func (s *Service) Break(h http.HandlerFunc) {
	handler := http.Handler(h)
	s.handler.Store(&handler)
}

// Mend undoes Break.
func (s *Service) Mend() { s.handler.Store(&s.good) }

// Good is the handler that Break replaces.
func (s *Service) Good() http.Handler { return s.good }

// Stop closes the service with all its connections, as a kill does.
func (s *Service) Stop() {
	s.cancel()
	_ = s.server.Close()
}

// Restart serves again at the same address.
func (s *Service) Restart(t testing.TB) {
	t.Helper()
	ln, err := net.Listen("tcp", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	s.start(ln)
}

// StartWith is Start with snapshots from the control plane. On a machine that
// is busy with other tests a dump takes long, so it may, unless env says else.
func (c *Control) StartWith(t testing.TB, bin string, f Function, env ...string) *Watchdog {
	t.Helper()
	w := c.LaunchIn(t, sandbox.Spec{}, bin, f, env...)
	w.AwaitHealth()
	return w
}

// LaunchIn is StartWith in a sandbox of which place says what is special about
// it. It does not wait until the watchdog is healthy.
func (c *Control) LaunchIn(t testing.TB, place sandbox.Spec, bin string, f Function, env ...string) *Watchdog {
	t.Helper()
	env = append([]string{"snapshot_agent_url=" + c.Agent.URL(), "snapshot_max_pause=10s"}, env...)
	place.Forward = append(slices.Clone(c.Reachable), c.Agent.Addr, c.KV.Addr)
	return Launch(t, bin, f, env, place)
}
