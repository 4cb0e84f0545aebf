package server

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/internal/miniotest"
	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/kvstore/backend"
	"github.com/pronghorn-faas/pronghorn/kvstore/storetest"
	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/snapshot/pool"
)

const (
	fn       = "bfs"
	platform = "linux-amd64-test"
	seed     = 42
)

// clock is the real time plus what a test has let pass.
type clock struct {
	mu     sync.Mutex
	passed time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.passed)
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.passed += d
}

// world is a store, a pool and a clock, on which agents can be run.
type world struct {
	store kvstore.Store
	pool  snapshot.Pool
	clock *clock
}

func newWorld(t testing.TB) world {
	t.Helper()
	return openWorld(t, "file:"+filepath.Join(t.TempDir(), "kv.db"), "dir:"+t.TempDir())
}

func openWorld(t testing.TB, storeURL, poolURL string) world {
	t.Helper()
	store, err := backend.Open(t.Context(), storeURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	objects, err := pool.Open(t.Context(), poolURL)
	if err != nil {
		t.Fatal(err)
	}
	return world{store, objects, &clock{}}
}

// inEveryWorld runs a test over the embedded backends and over real servers.
func inEveryWorld(t *testing.T, test func(*testing.T, world)) {
	t.Run("file and directory", func(t *testing.T) { test(t, newWorld(t)) })
	t.Run("Redis and MinIO", func(t *testing.T) {
		test(t, openWorld(t, storetest.StartRedis(t).URL(0), miniotest.Start(t).URL))
	})
}

// testAgent is an agent that is served.
type testAgent struct {
	*Server
	url string
}

func (w world) agent(t testing.TB, changes ...func(*Config)) testAgent {
	t.Helper()
	cfg := Config{Store: w.store, Pool: w.pool, Rand: NewRand(seed), Now: w.clock.now, Log: slog.New(slog.DiscardHandler)}
	for _, change := range changes {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(srv.Close)
	return testAgent{s, srv.URL}
}

func (a testAgent) client(t testing.TB, token string) *agent.Client {
	t.Helper()
	c, err := agent.NewClient(a.url, token, fn)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// request is a valid start request.
func request(lifetime, strategy string) agent.StartRequest {
	return agent.StartRequest{Lifetime: lifetime, Platform: platform, Runtime: "pypy", Strategy: strategy, Eviction: 4, Evict: true}
}

func start(t testing.TB, c *agent.Client, req agent.StartRequest) agent.Plan {
	t.Helper()
	plan, err := c.Start(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// store uploads a snapshot of its own pages as a worker does, and returns how
// to register it. change may spoil the manifest.
func store(ctx context.Context, t testing.TB, c *agent.Client, lifetime string, requestNumber int, change ...func(*snapshot.Manifest)) agent.Registration {
	t.Helper()
	u := upload{lifetime: lifetime, requestNumber: requestNumber, image: imageFor(lifetime)}
	if len(change) > 0 {
		u.change = change[0]
	}
	return u.store(ctx, t, c)
}

// take is store and registers the snapshot.
func take(t testing.TB, c *agent.Client, lifetime string, requestNumber int) agent.Registered {
	t.Helper()
	done, err := c.Register(t.Context(), store(t.Context(), t, c, lifetime, requestNumber))
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// addEntries puts snapshots without data into the pool: "s0" at request 1, ….
func (w world) addEntries(t testing.TB, n int, platform string) {
	t.Helper()
	for i := range n {
		e := kvstore.Entry{ID: platform + "-s" + strconv.Itoa(i), RequestNumber: i + 1, Platform: platform, Bytes: 10, Created: w.clock.now()}
		if _, err := w.store.AddEntry(t.Context(), fn, e); err != nil {
			t.Fatal(err)
		}
	}
}

func (w world) state(t testing.TB) kvstore.State {
	t.Helper()
	st, err := w.store.State(t.Context(), fn)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func (w world) keys(t testing.TB) []string {
	t.Helper()
	objects, err := w.pool.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	keys := []string{}
	for _, o := range objects {
		keys = append(keys, o.Key)
	}
	return keys
}

// bytesUnder is the size of the objects with a prefix.
func (w world) bytesUnder(t testing.TB, prefix string) (n int64) {
	t.Helper()
	objects, err := w.pool.List(t.Context(), prefix)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		n += o.Bytes
	}
	return n
}

// send sends a request and returns the answer with its body read.
func send(t testing.TB, method, url, token string, body []byte) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp, read(t, resp)
}

func read(t testing.TB, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// do sends a request as it is.
func do(t testing.TB, req *http.Request) (int, string, http.Header) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, read(t, resp), resp.Header
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
