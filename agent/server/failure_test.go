package server

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/kvstore/storetest"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

func planOf(lifetime string) agent.Plan { return agent.Plan{Lifetime: lifetime} }

// strangeStore answers State as it is told.
type strangeStore struct {
	kvstore.Store
	state func(context.Context) (kvstore.State, error)
}

func (s strangeStore) State(ctx context.Context, _ string) (kvstore.State, error) {
	return s.state(ctx)
}

func TestWorkersHearSoonThatTheStoreIsOfNoUse(t *testing.T) {
	w := newWorld(t)
	garbage := func(us ...float64) func(context.Context) (kvstore.State, error) {
		return func(context.Context) (kvstore.State, error) {
			return kvstore.State{Params: kvstore.Params{MaxRequests: 2, Epsilon: 0.5}, LatenciesUS: us}, nil
		}
	}
	for name, c := range map[string]struct {
		state func(context.Context) (kvstore.State, error)
		says  string
	}{
		"it hangs": {func(ctx context.Context) (kvstore.State, error) {
			<-ctx.Done()
			return kvstore.State{}, ctx.Err()
		}, "deadline"},
		"it is down":                {func(context.Context) (kvstore.State, error) { return kvstore.State{}, kvstore.ErrUnavailable }, "unavailable"},
		"it is damaged":             {func(context.Context) (kvstore.State, error) { return kvstore.State{}, errors.New("damaged") }, "damaged"},
		"its table is short":        {garbage(1), "1 slots"},
		"its table is not a number": {garbage(1, math.NaN()), "slot 1"},
		"its table is negative":     {garbage(-1, 1), "slot 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := w.agent(t, func(cfg *Config) { cfg.Store = strangeStore{w.store, c.state} })
			began := time.Now()
			resp, body := send(t, http.MethodPost, a.url+"/v1/functions/"+fn+"/lifetimes", "", encode(t, request("life", "")))
			if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, c.says) {
				t.Errorf("got %d %s, want 503 and %q", resp.StatusCode, body, c.says)
			}
			if took := time.Since(began); took > answerWithin+time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func TestParametersThatOthersKeepChanging(t *testing.T) {
	w := newWorld(t)
	a := w.agent(t, func(cfg *Config) { cfg.Store = contested{w.store} })
	resp, body := send(t, http.MethodPost, a.url+"/v1/functions/"+fn+"/lifetimes", "", encode(t, request("life", "request_centric&eps=0.1")))
	if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "different strategies") {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
}

// contested is a store in which somebody else is always faster.
type contested struct{ kvstore.Store }

func (contested) SetParams(context.Context, string, int64, kvstore.Params) error {
	return kvstore.ErrConflict
}

func TestAgentOutlivesItsStore(t *testing.T) {
	redis := storetest.StartRedis(t)
	w := openWorld(t, redis.URL(0), "dir:"+t.TempDir())
	a := w.agent(t)
	take(t, a.client(t, ""), "life-1", 1)
	body := encode(t, request("life-2", ""))
	lifetimes, health := a.url+"/v1/functions/"+fn+"/lifetimes", a.url+"/healthz"

	redis.Stop()
	for _, answer := range []*http.Response{first(send(t, http.MethodPost, lifetimes, "", body)), first(send(t, http.MethodGet, health, "", nil))} {
		if answer.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s without a store: %d", answer.Request.URL.Path, answer.StatusCode)
		}
	}
	if err := a.upkeep(t.Context()); err == nil {
		t.Error("upkeep without a store reports nothing")
	}
	if n := len(w.keys(t)); n != 2 {
		t.Errorf("%d objects are left, want 2: nothing is deleted on a guess", n)
	}

	redis.Start(t)
	for _, answer := range []*http.Response{first(send(t, http.MethodPost, lifetimes, "", body)), first(send(t, http.MethodGet, health, "", nil))} {
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s with the store back: %d", answer.Request.URL.Path, answer.StatusCode)
		}
	}
}

func first(resp *http.Response, _ string) *http.Response { return resp }

func TestSweepWithoutAStoreDeletesNothing(t *testing.T) {
	w := newWorld(t)
	a := w.agent(t, func(cfg *Config) {
		cfg.Store = strangeStore{w.store, func(context.Context) (kvstore.State, error) { return kvstore.State{}, kvstore.ErrUnavailable }}
	})
	if err := w.pool.Put(t.Context(), snapshot.PackKey(fn, "x"), strings.NewReader("x"), 1); err != nil {
		t.Fatal(err)
	}
	w.clock.pass(2 * sweepAfter)
	if err := a.sweep(t.Context()); !errors.Is(err, kvstore.ErrUnavailable) || len(w.keys(t)) != 1 {
		t.Errorf("got %v, and %v are left", err, w.keys(t))
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	w := newWorld(t)
	good := Config{Store: w.store, Pool: w.pool, Rand: NewRand(seed)}
	for name, change := range map[string]func(*Config){
		"no store":            func(c *Config) { c.Store = nil },
		"no pool":             func(c *Config) { c.Pool = nil },
		"no random source":    func(c *Config) { c.Rand = nil },
		"an unknown strategy": func(c *Config) { c.DefaultStrategy = "hot" },
		"a lease too short":   func(c *Config) { c.Lease = time.Second },
		"URLs for ever":       func(c *Config) { c.URLTTL = 24 * time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := good
			change(&cfg)
			if _, err := New(cfg); err == nil {
				t.Error("it is accepted")
			}
		})
	}
	if _, err := New(good); err != nil {
		t.Errorf("a good one: %v", err)
	}
}

// Whatever a worker sends, the answer is JSON and never a failure of the agent.
func FuzzBodies(f *testing.F) {
	w := newWorld(f)
	a := w.agent(f)
	paths := []string{"/lifetimes", "/lifetimes/life/end", "/uploads", "/snapshots", "/snapshots/x/failure"}
	f.Add(uint8(0), encode(f, request("life", afterFirst)))
	f.Add(uint8(0), []byte(`{"lifetime":"a","platform":"p","runtime":"jvm","strategy":"request_centric&max_requests=100000","eviction":2147483647,"evict":true}`))
	f.Add(uint8(1), encode(f, agent.LifetimeRecord{Lifetime: "life", Start: agent.Restored, FailedSnapshot: "x", Checkpoint: &agent.Checkpoint{}}))
	f.Add(uint8(2), encode(f, agent.UploadRequest{Lifetime: "life"}))
	f.Add(uint8(3), encode(f, agent.Registration{Snapshot: newID(time.Now()), Lifetime: "life"}))
	f.Add(uint8(4), encode(f, agent.Failure{Lifetime: "life"}))
	f.Fuzz(func(t *testing.T, route uint8, body []byte) {
		path := paths[int(route)%len(paths)]
		resp, answer := send(t, http.MethodPost, a.url+"/v1/functions/"+fn+path, "", body)
		if resp.StatusCode >= 500 {
			t.Errorf("%s %q: %d %s", path, body, resp.StatusCode, answer)
		}
	})
}
