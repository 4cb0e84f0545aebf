package server

import (
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/kvstore"
)

func TestPageShowsWhatWasDecided(t *testing.T) {
	w := newWorld(t)
	a := w.agent(t)
	c := a.client(t, "")
	plan := start(t, c, request("life-1", afterFirst))
	take(t, c, "life-1", 1)
	rec := agent.LifetimeRecord{Lifetime: "life-1", Start: agent.Cold, Requests: 4, EndReason: "<script>",
		Checkpoint: &agent.Checkpoint{Outcome: agent.CheckpointFailed, Reason: "disk full", RequestNumber: 1}}
	if err := c.End(t.Context(), rec); err != nil {
		t.Fatal(err)
	}
	resp, body := send(t, http.MethodGet, a.url+"/", "", nil)
	if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		t.Fatalf("got %d %s", resp.StatusCode, body)
	}
	for _, want := range []string{"<h2>bfs</h2>", template.HTMLEscapeString(plan.Reason), "fixed&amp;request_to_checkpoint=1", "16.4 kB", "shared</th>", " stored, 0 B shared", "&lt;script&gt;", "disk full", "<circle"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	if strings.Contains(body, "<script>") {
		t.Error("the page holds what a worker sent, unescaped")
	}
}

func TestBrowsersSendTheTokenAsPassword(t *testing.T) {
	a := newWorld(t).agent(t, func(c *Config) { c.Auth = httpx.NewAuth("operator") })
	for password, want := range map[string]int{"operator": 200, "guess": 401} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("me", password)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("password %q: got %d, want %d", password, resp.StatusCode, want)
		}
	}
	resp, _ := send(t, http.MethodGet, a.url, "", nil)
	if !strings.HasPrefix(resp.Header.Get("WWW-Authenticate"), "Basic ") {
		t.Error("a browser is not asked for a password")
	}
}

func TestCurveHasGapsWhereNothingWasSeen(t *testing.T) {
	pool := []kvstore.Entry{{ID: "a", RequestNumber: 1}, {ID: "b", RequestNumber: 400}}
	got := newCurve([]float64{4000, 2000, 0, 4000}, pool)
	want := curve{
		Width: 600, Height: 120, MaxMS: 4, Slots: 4,
		Path:  "M75.0 6.0h0L225.0 63.0M525.0 6.0h0",
		Marks: []mark{{"225.0", "63.0", "a after request 1"}, {"525.0", "6.0", "b after request 400"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if c := newCurve(make([]float64, 3), pool); c.Path != "" {
		t.Errorf("nothing seen, but drawn: %q", c.Path)
	}
}

func TestMetricsCountWhatHappens(t *testing.T) {
	w := newWorld(t)
	a := w.agent(t)
	c := a.client(t, "")
	start(t, c, request("life-1", afterFirst))
	reg := take(t, c, "life-1", 1)
	start(t, c, request("life-2", afterFirst))
	start(t, c, request("life-2", afterFirst)) // again: counts once
	if err := c.Fail(t.Context(), reg.Snapshot, "life-2"); err != nil {
		t.Fatal(err)
	}
	ended := agent.LifetimeRecord{Lifetime: "life-2", Start: agent.Cold, StartReason: "restore_failed: no such thing", EndReason: "shutdown"}
	for range 2 { // again: counts once
		if err := c.End(t.Context(), ended); err != nil {
			t.Fatal(err)
		}
	}
	_, body := send(t, http.MethodGet, a.url+"/metrics", "", nil)
	for _, want := range []string{
		`pronghorn_agent_plans_total{function="bfs",start="cold"} 1`,
		`pronghorn_agent_plans_total{function="bfs",start="restored"} 1`,
		`pronghorn_agent_checkpoints_planned_total{function="bfs"} 1`,
		`pronghorn_agent_registrations_total{function="bfs"} 1`,
		`pronghorn_agent_restore_failures_total{function="bfs"} 1`,
		`pronghorn_agent_lifetimes_ended_total{function="bfs",reason="restore_failed",start="cold"} 1`,
		`pronghorn_agent_pool_entries{function="bfs"} 1`,
		`pronghorn_agent_pool_bytes{function="bfs"} ` + fmt.Sprint(imageFor("life-1").bytes()),
		`pronghorn_agent_pool_stored_bytes{function="bfs"} ` + fmt.Sprint(w.bytesUnder(t, "")),
		`pronghorn_agent_pool_shared_bytes{function="bfs"} 0`,
		`pronghorn_agent_requests_total{code="200",route="POST /v1/functions/{fn}/lifetimes"} 3`,
	} {
		if !strings.Contains(body, want+"\n") {
			t.Errorf("no line %s", want)
		}
	}
}

func TestFunctionShowsStateAndDecisionsWithoutURLs(t *testing.T) {
	w := newWorld(t)
	a := w.agent(t)
	c := a.client(t, "")
	take(t, c, "life-1", 1)
	start(t, c, request("life-2", afterFirst))
	_, body := send(t, http.MethodGet, a.url+"/v1/functions/"+fn, "", nil)
	for _, want := range []string{`"latencies_us":[0`, `"max_requests":100`, `"strategy":"` + afterFirst + `"`, `"request_number":1`, "only choice", `"manifest_url":""`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
	if _, list := send(t, http.MethodGet, a.url+"/v1/functions", "", nil); list != `{"functions":["bfs"]}`+"\n" {
		t.Errorf("the list is %s", list)
	}
}
