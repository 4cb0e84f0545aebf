package agent

import (
	"time"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// Function is what GET /v1/functions/{fn} answers: the state in the store, and
// what the agent that answers remembers.
type Function struct {
	kvstore.State
	// Strategy is the spec that the function used last, or the agent's default.
	Strategy string `json:"strategy"`
	// Eviction is E, the requests that its last lifetime was expected to serve.
	Eviction int `json:"eviction"`
	// Decisions are the last lifetimes that the agent planned or heard of,
	// newest first.
	Decisions []Decision `json:"decisions"`
}

// Decision is one lifetime as the agent remembers it.
type Decision struct {
	Lifetime string    `json:"lifetime"`
	At       time.Time `json:"at"`
	Platform string    `json:"platform,omitempty"`
	Runtime  string    `json:"runtime,omitempty"`
	// Plan is what it was to do, without URLs; nil if another agent planned it.
	Plan *Plan `json:"plan,omitempty"`
	// Record is what became of it; nil while it runs.
	Record *LifetimeRecord `json:"record,omitempty"`
}

// Failure is the body of POST /v1/functions/{fn}/snapshots/{id}/failure.
type Failure struct {
	// Lifetime is the id of the lifetime that could not start from the snapshot.
	Lifetime string `json:"lifetime"`
}
