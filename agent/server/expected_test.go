package server

import (
	"net/http"
	"strings"
	"testing"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

func (a testAgent) metricsText(t *testing.T) string {
	t.Helper()
	_, body := send(t, http.MethodGet, a.url+"/metrics", "", nil)
	return body
}

func TestMetricsShowWhatSnapshotsAreWorthAndForgetFunctionsThatAreGone(t *testing.T) {
	w := newWorld(t)
	a := w.agent(t)
	c := a.client(t, "")
	req := request("life-1", afterFirst)
	req.Eviction = 1
	start(t, c, req)
	if text := a.metricsText(t); strings.Contains(text, "pronghorn_agent_expected_latency_seconds{") {
		t.Error("a latency is expected though none has been seen")
	}
	take(t, c, "life-1", 1)
	samples := kvstore.Batch{Lifetime: "life-1", Samples: []kvstore.Sample{{RequestNumber: 1, LatencyUS: 80_000}, {RequestNumber: 2, LatencyUS: 20_000}}}
	if _, err := w.store.AddSamples(t.Context(), "bfs", samples); err != nil {
		t.Fatal(err)
	}
	req.Lifetime = "life-2"
	start(t, c, req)
	text := a.metricsText(t)
	for _, want := range []string{
		`pronghorn_agent_expected_latency_seconds{function="bfs",start="cold"} 0.08`,
		`pronghorn_agent_expected_latency_seconds{function="bfs",start="planned"} 0.02`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no line %s in\n%s", want, text)
		}
	}
	if err := w.store.DeleteFunction(t.Context(), "bfs"); err != nil {
		t.Fatal(err)
	}
	if err := a.upkeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(a.metricsText(t)) {
		if strings.HasPrefix(line, "pronghorn_agent_pool_") || strings.HasPrefix(line, "pronghorn_agent_expected_") {
			t.Errorf("still shown of a function that was deleted: %s", line)
		}
	}
}
