package server

import (
	"bytes"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/policy"
)

const afterFirst = "fixed&request_to_checkpoint=1"

// The life of a function: the first lifetime starts cold and leaves a
// snapshot, the second starts from it.
func TestSecondLifetimeStartsFromTheSnapshotOfTheFirst(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w world) {
		a := w.agent(t, func(c *Config) { c.KVURL = "http://kv:5000" })
		c := a.client(t, "")

		cold := start(t, c, request("life-1", afterFirst))
		want := agent.Plan{Lifetime: "life-1", Strategy: afterFirst, CheckpointAt: 1, EvictAfter: 4, KVURL: "http://kv:5000",
			Reason: "cold: no usable snapshot for this platform; checkpoint after request 1: the strategy's only choice"}
		if diff := cmp.Diff(want, cold); diff != "" {
			t.Errorf("first plan (-want +got):\n%s", diff)
		}
		taken := take(t, c, "life-1", 1)

		warm := start(t, c, request("life-2", afterFirst))
		if warm.Restore == nil || warm.Restore.Snapshot != taken.Snapshot || warm.Restore.RequestNumber != 1 {
			t.Fatalf("got %+v, want a start from %s at request 1", warm, taken.Snapshot)
		}
		r, image := warm.Restore, imageFor("life-1")
		if own := []agent.Pack{{ID: taken.Snapshot, URL: r.PackURLs()[taken.Snapshot]}}; cmp.Diff(own, r.Packs) != "" || r.Bytes != image.bytes() {
			t.Errorf("the plan says %+v, the image has %d bytes", r, image.bytes())
		}
		pages, err := fetch(t.Context(), t, r)
		if err != nil || !bytes.Equal(pages, image.raw()) {
			t.Errorf("restored %d bytes, %v", len(pages), err)
		}
	})
}

func TestPlansSayWhy(t *testing.T) {
	for name, c := range map[string]struct {
		pool func(*testing.T, world)
		req  func(*agent.StartRequest)
		want string // a part of the reason
	}{
		"nothing in the pool": {
			req:  func(r *agent.StartRequest) { r.Strategy = "cold" },
			want: "cold: no usable snapshot for this platform; no checkpoint: the strategy wants none past request 0",
		},
		"a pool that the strategy does not use": {
			pool: func(t *testing.T, w world) { w.addEntries(t, 3, platform) },
			req:  func(r *agent.StartRequest) { r.Strategy = "cold" },
			want: "cold: the strategy's only choice, with 3 snapshots in the pool; no checkpoint",
		},
		"one possible snapshot": {
			pool: func(t *testing.T, w world) { w.addEntries(t, 2, platform) },
			req:  func(r *agent.StartRequest) { r.Strategy = "fixed&request_to_checkpoint=2" },
			want: "restored linux-am… at request 2: the strategy's only choice, with 2 snapshots in the pool; no checkpoint: the strategy wants none past request 2",
		},
		"a draw": {
			pool: func(t *testing.T, w world) { w.addEntries(t, 4, platform) },
			want: ": drawn with probability 0.2 among 4 snapshots and cold; checkpoint after request ",
		},
		"a draw of the checkpoint": {
			req:  func(r *agent.StartRequest) { r.Strategy = "request_centric&max_requests=9" },
			want: ": drawn with probability 0.25 among 4 request numbers",
		},
		"snapshots that need other keys": {
			pool: func(t *testing.T, w world) {
				for id, keys := range map[string][]string{"a": {"old"}, "b": {"new", "old"}, "c": {"new"}, "d": nil} {
					if _, err := w.store.AddEntry(t.Context(), fn, kvstore.Entry{ID: id, Platform: platform, KeyIDs: keys}); err != nil {
						t.Fatal(err)
					}
				}
			},
			req:  func(r *agent.StartRequest) { r.KeyIDs = []string{"new", "newer"} },
			want: " among 1 snapshot and cold (3 that need other keys left out); ",
		},
		"snapshots that need no key, for who says so": {
			pool: func(t *testing.T, w world) { w.addEntries(t, 2, platform) },
			req:  func(r *agent.StartRequest) { r.KeyIDs = []string{"new", "unencrypted"} },
			want: " among 2 snapshots and cold; ",
		},
		"snapshots of other platforms": {
			pool: func(t *testing.T, w world) { w.addEntries(t, 4, "arm64") },
			want: "cold: no usable snapshot for this platform (4 of other platforms left out)",
		},
		"a worker without CRIU": {
			pool: func(t *testing.T, w world) { w.addEntries(t, 4, platform) },
			req:  func(r *agent.StartRequest) { r.NoSnapshots, r.Platform = "no CAP_SYS_ADMIN", "" },
			want: "cold, and no checkpoint: the worker says: no CAP_SYS_ADMIN",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if c.pool != nil {
				c.pool(t, w)
			}
			req := request("life", "request_centric")
			if c.req != nil {
				c.req(&req)
			}
			plan := start(t, w.agent(t).client(t, ""), req)
			if !strings.Contains(plan.Reason, c.want) {
				t.Errorf("got the reason %q, want %q in it", plan.Reason, c.want)
			}
			if req.NoSnapshots != "" && (plan.Restore != nil || plan.CheckpointAt != 0) {
				t.Errorf("a worker without snapshots got %+v", plan)
			}
		})
	}
}

func TestLifetimesEndOnlyWhenAsked(t *testing.T) {
	for name, c := range map[string]struct {
		evict    bool
		eviction int
		want     int
	}{
		"after E requests":                    {true, 4, 4},
		"never, though E is known":            {false, 4, 0},
		"never, for lack of an eviction rate": {true, 0, 0},
		"at the end of the table":             {true, 1000, 100},
	} {
		t.Run(name, func(t *testing.T) {
			req := request("life", "request_centric")
			req.Evict, req.Eviction = c.evict, c.eviction
			if plan := start(t, newWorld(t).agent(t).client(t, ""), req); plan.EvictAfter != c.want {
				t.Errorf("got %d, want %d", plan.EvictAfter, c.want)
			}
		})
	}
}

func TestTableFollowsStrategyAndRuntime(t *testing.T) {
	for name, c := range map[string]struct {
		runtime, strategy string
		want              kvstore.Params
	}{
		"PyPy":                {"pypy", "request_centric", kvstore.Params{MaxRequests: 100, Epsilon: 0.5}},
		"the JVM":             {"jvm", "request_centric", kvstore.Params{MaxRequests: 200, Epsilon: 0.5}},
		"the spec's own":      {"jvm", "request_centric&max_requests=50&eps=0.25", kvstore.Params{MaxRequests: 50, Epsilon: 0.25}},
		"the agent's default": {"node", "", kvstore.Params{MaxRequests: 7, Epsilon: 0.5}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a := w.agent(t, func(cfg *Config) { cfg.DefaultStrategy = "request_centric&max_requests=7" })
			req := request("life", c.strategy)
			req.Runtime = c.runtime
			start(t, a.client(t, ""), req)
			if got := w.state(t).Params; got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestSamePlanForTheSameLifetime(t *testing.T) {
	w := newWorld(t)
	w.addEntries(t, 10, platform)
	now := time.Now() // URLs say when they expire, to the second
	a := w.agent(t, func(cfg *Config) { cfg.Now = func() time.Time { return now } })
	c := a.client(t, "")
	for i := range 20 {
		id := "life-" + strconv.Itoa(i)
		first, again := start(t, c, request(id, "")), start(t, c, request(id, ""))
		if diff := cmp.Diff(first, again); diff != "" {
			t.Fatalf("%s (-first +again):\n%s", id, diff)
		}
	}
	if plan := start(t, a.client(t, ""), request("life-0", "")); plan.Restore != nil && plan.Restore.Packs[0].URL == "" {
		t.Error("a repeated plan has no URL")
	}
}

// Plans are drawn with the strategy's own probabilities: a χ² test with a
// fixed seed.
func TestPlansFollowTheProbabilities(t *testing.T) {
	const plans = 4000
	w := newWorld(t)
	w.addEntries(t, 4, platform)
	batch := kvstore.Batch{Lifetime: "before"}
	for n := 1; n <= 100; n++ { // slow functions: scores near each other
		batch.Samples = append(batch.Samples, kvstore.Sample{RequestNumber: n, LatencyUS: 2e6 / (1 + float64(n)/3)})
	}
	if _, err := w.store.AddSamples(t.Context(), fn, batch); err != nil {
		t.Fatal(err)
	}
	strategy, err := policy.Parse("request_centric")
	if err != nil {
		t.Fatal(err)
	}
	a, u := w.agent(t), usage{strategy, 4, nil}
	got := map[string]int{}
	for i := range plans {
		plan, err := a.decide(t.Context(), fn, u, request("life-"+strconv.Itoa(i), ""))
		if err != nil {
			t.Fatal(err)
		}
		id := ""
		if plan.Restore != nil {
			id = plan.Restore.Snapshot
		}
		got[id]++
	}
	st := w.state(t)
	var chi float64
	for _, o := range strategy.Start(viewOf(st.Pool, platform, nil).policyState(st, 4)) {
		want := o.Probability * plans
		chi += math.Pow(float64(got[o.ID])-want, 2) / want
	}
	if chi > 18.5 { // 4 degrees of freedom, p = 0.001
		t.Errorf("χ² = %.1f: got %v", chi, got)
	}
}

func TestEndOfALifetimeCountsOnce(t *testing.T) {
	w := newWorld(t)
	w.addEntries(t, 1, platform)
	var observed atomic.Int32
	a := w.agent(t, func(c *Config) { c.Observer = func(string, agent.LifetimeRecord) { observed.Add(1) } })
	c := a.client(t, "")
	start(t, c, request("life", ""))
	rec := agent.LifetimeRecord{Lifetime: "life", Start: agent.Cold, FailedSnapshot: platform + "-s0", EndReason: "evicted"}
	for range 3 {
		if err := c.End(t.Context(), rec); err != nil {
			t.Fatal(err)
		}
	}
	if n := observed.Load(); n != 1 {
		t.Errorf("observed %d times, want once", n)
	}
	if diff := cmp.Diff([]string{"life"}, w.state(t).Pool[0].Failures); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
	decisions := a.memory.decisions(fn)
	if len(decisions) != 1 || decisions[0].Plan == nil || decisions[0].Record == nil {
		t.Errorf("got the decisions %+v, want one with plan and record", decisions)
	}
}

func TestSnapshotThatFailedTwiceIsNotOfferedAgain(t *testing.T) {
	w := newWorld(t)
	w.addEntries(t, 1, platform)
	c := w.agent(t).client(t, "")
	bad := platform + "-s0"
	for i, want := range []bool{true, true, false} { // before the first, second, third start
		id := "life-" + strconv.Itoa(i)
		plan := start(t, c, request(id, afterFirst))
		if offered := plan.Restore != nil; offered != want {
			t.Fatalf("after %d failures: offered = %v, want %v (%s)", i, offered, want, plan.Reason)
		}
		for range 2 { // a repeated report counts once
			if err := c.Fail(t.Context(), bad, id); err != nil {
				t.Fatal(err)
			}
		}
	}
	if plan := start(t, c, request("last", afterFirst)); !strings.Contains(plan.Reason, "(1 quarantined left out)") {
		t.Errorf("the reason %q does not say so", plan.Reason)
	}
	if err := c.Fail(t.Context(), "gone", "life-0"); err != nil {
		t.Errorf("a failure of a snapshot that is gone: %v", err)
	}
}

func TestBadRequestsAreToldWhatIsWrong(t *testing.T) {
	good := encode(t, request("life", ""))
	end := encode(t, agent.LifetimeRecord{Lifetime: "life", Start: agent.Cold})
	with := func(raw []byte, old, new string) string { return strings.Replace(string(raw), old, new, 1) }
	for name, c := range map[string]struct {
		path, body string
		status     int
		says       string
	}{
		"no body":                {"/lifetimes", "", 400, "empty"},
		"no JSON":                {"/lifetimes", "{", 400, "request body"},
		"an unknown field":       {"/lifetimes", `{"lifetme":"x"}`, 400, "lifetme"},
		"a huge body":            {"/lifetimes", `{"lifetime":"` + strings.Repeat("x", maxBody) + `"}`, 413, "larger"},
		"an unknown strategy":    {"/lifetimes", with(good, `"runtime"`, `"strategy":"hot","runtime"`), 400, "request_centric"},
		"an unknown parameter":   {"/lifetimes", with(good, `"runtime"`, `"strategy":"fixed&k=1","runtime"`), 400, "request_to_checkpoint"},
		"an unknown runtime":     {"/lifetimes", with(good, `"pypy"`, `"perl"`), 400, "pypy, jvm, node, other"},
		"no platform":            {"/lifetimes", with(good, platform, ""), 400, "platform"},
		"a bad lifetime":         {"/lifetimes", with(good, `"life"`, `"a/b"`), 400, "lifetime"},
		"a negative eviction":    {"/lifetimes", with(good, `"eviction":4`, `"eviction":-1`), 400, "eviction -1"},
		"the end of another":     {"/lifetimes/other/end", string(end), 400, "as in the path"},
		"an unknown start":       {"/lifetimes/life/end", with(end, "cold", "warm"), 400, "cold or restored"},
		"a bad failed snapshot":  {"/lifetimes/life/end", with(end, `"start"`, `"failed_snapshot":"../x","start"`), 400, "failed_snapshot"},
		"negative requests":      {"/lifetimes/life/end", with(end, `"requests":0`, `"requests":-1`), 400, "requests -1"},
		"an upload of nobody":    {"/uploads", `{"lifetime":"","request_number":1}`, 400, "lifetime"},
		"an upload before birth": {"/uploads", `{"lifetime":"a","request_number":-1}`, 400, "request_number"},
		"a bad snapshot":         {"/snapshots", `{"snapshot":"..","lifetime":"a"}`, 400, "snapshot"},
		"a failure of nobody":    {"/snapshots/x/failure", `{}`, 400, "lifetime"},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := send(t, http.MethodPost, newWorld(t).agent(t).url+"/v1/functions/"+fn+c.path, "", []byte(c.body))
			if resp.StatusCode != c.status || !strings.Contains(body, c.says) || !strings.HasPrefix(body, `{"error":`) {
				t.Errorf("got %d %s, want %d and an error that says %q", resp.StatusCode, body, c.status, c.says)
			}
		})
	}
}

func TestEverybodyReachesTheirOwn(t *testing.T) {
	auth := httpx.NewAuth("operator")
	w := newWorld(t)
	a := w.agent(t, func(c *Config) { c.Auth = auth })
	start := string(encode(t, request("life", "")))
	own, other := auth.FunctionToken(fn), auth.FunctionToken("other")
	const yes, no = 200, 401
	for name, c := range map[string]struct {
		method, path, body                   string
		nobody, function, stranger, operator int
	}{
		"plans":            {"POST", "/v1/functions/bfs/lifetimes", start, no, yes, no, yes},
		"uploads":          {"POST", "/v1/functions/bfs/uploads", `{"lifetime":"life"}`, no, yes, no, yes},
		"registrations":    {"POST", "/v1/functions/bfs/snapshots", `{}`, no, 400, no, 400},
		"ends":             {"POST", "/v1/functions/bfs/lifetimes/life/end", `{}`, no, 400, no, 400},
		"failures":         {"POST", "/v1/functions/bfs/snapshots/x/failure", `{}`, no, 400, no, 400},
		"a function":       {"GET", "/v1/functions/bfs", "", no, yes, no, yes},
		"the list":         {"GET", "/v1/functions", "", no, no, no, yes},
		"the page":         {"GET", "/", "", no, no, no, yes},
		"health":           {"GET", "/healthz", "", yes, yes, yes, yes},
		"metrics":          {"GET", "/metrics", "", yes, yes, yes, yes},
		"unknown paths":    {"GET", "/v2", "", 404, 404, 404, 404},
		"unknown methods":  {"PATCH", "/v1/functions", "", 405, 405, 405, 405},
		"objects by token": {"GET", "/v1/objects/bfs/x/image.pack", "", 403, 403, 403, 403},
	} {
		t.Run(name, func(t *testing.T) {
			for token, want := range map[string]int{"": c.nobody, own: c.function, other: c.stranger, "operator": c.operator} {
				resp, body := send(t, c.method, a.url+c.path, token, []byte(c.body))
				if resp.StatusCode != want {
					t.Errorf("with token %.8q: got %d %s, want %d", token, resp.StatusCode, body, want)
				}
			}
		})
	}
}
