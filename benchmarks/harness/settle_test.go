package harness

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pronghorn-faas/pronghorn/agent"
)

// TestSettling says for how long the client waits after a request of a
// lifetime that is to be checkpointed after its third.
func TestSettling(t *testing.T) {
	tests := map[string]struct {
		lifetime   string
		lineage    int
		registered time.Duration // 0 = never
		want       time.Duration
	}{
		"not before the checkpoint is due":      {"a", 2, 0, 0},
		"until the snapshot is registered":      {"a", 3, time.Second, time.Second},
		"no longer than the limit":              {"a", 3, 0, 5 * time.Second},
		"not for a lifetime that is over":       {"b", 3, 0, 0},
		"after a checkpoint that came too late": {"a", 4, time.Second, time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var c checkpoints
				agentSays(t, &c, "/v1/functions/bfs/lifetimes", agent.Plan{Lifetime: "a", CheckpointAt: 3})
				if tt.registered > 0 {
					time.AfterFunc(tt.registered, func() { agentSays(t, &c, "/v1/functions/bfs/snapshots", agent.Registered{Snapshot: "s"}) })
				}
				begin := time.Now()
				c.settle(t.Context(), tt.lifetime, tt.lineage, 5*time.Second)
				if got := time.Since(begin); got != tt.want {
					t.Errorf("waited %s, want %s", got, tt.want)
				}
				c.settle(t.Context(), tt.lifetime, tt.lineage, 5*time.Second)
				if got := time.Since(begin); got != tt.want {
					t.Errorf("waited %s after the next request, want no more", got-tt.want)
				}
			})
		})
	}
}

// agentSays passes an answer of the agent by c.
func agentSays(t *testing.T, c *checkpoints, path string, answer any) {
	t.Helper()
	h := c.watch(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(answer) }))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, strings.NewReader("{}")))
	if w.Body.Len() == 0 {
		t.Error("the answer did not pass")
	}
}
