// Package agent holds the policy agent's API (paper, section 4: the
// "orchestrator"): what a watchdog asks and reports, and the client with which
// it does. Package agent/server is the service.
package agent

import "time"

// StartRequest asks for the plan of a lifetime that is about to start.
type StartRequest struct {
	// Lifetime is the id that the caller gives the lifetime. Asking again with
	// the same id returns the same plan while the agent remembers it.
	Lifetime string `json:"lifetime"`
	// Platform is the key of what the worker runs on; only snapshots that were
	// taken on the same platform are offered.
	Platform string `json:"platform"`
	// Runtime is "pypy", "jvm", "node" or "other".
	Runtime string `json:"runtime"`
	// Strategy is a strategy spec; "" means the agent's default.
	Strategy string `json:"strategy,omitempty"`
	// Eviction is E, the requests that a lifetime is expected to serve; 0 = unknown.
	Eviction int `json:"eviction,omitempty"`
	// Evict asks for the lifetime to end after Eviction requests.
	Evict bool `json:"evict,omitempty"`
	// NoSnapshots says why the worker can neither dump nor restore; "" if it
	// can. The plan is then a cold start without a checkpoint.
	NoSnapshots string `json:"no_snapshots,omitempty"`
}

// Plan is what a lifetime is to do.
type Plan struct {
	Lifetime string `json:"lifetime"`
	// Strategy is the spec in force.
	Strategy string `json:"strategy"`
	// Restore is the snapshot to start from; nil = start cold.
	Restore *Restore `json:"restore,omitempty"`
	// CheckpointAt is the request number after which to checkpoint; 0 = never.
	CheckpointAt int `json:"checkpoint_at,omitempty"`
	// EvictAfter is the number of requests after which the lifetime ends; 0 = never.
	EvictAfter int `json:"evict_after,omitempty"`
	// KVURL is the KV service that latencies are reported to.
	KVURL string `json:"kv_url,omitempty"`
	// Reason says in a sentence why the plan is what it is.
	Reason string `json:"reason"`
}

// Restore names a snapshot and where its objects can be read. The URLs are
// good for a limited time; one that starts with "/" is relative to the agent.
type Restore struct {
	Snapshot       string `json:"snapshot"`
	RequestNumber  int    `json:"request_number"`
	ManifestURL    string `json:"manifest_url"`
	ManifestSHA256 string `json:"manifest_sha256"`
	PackURL        string `json:"pack_url"`
	Bytes          int64  `json:"bytes"`
}

// UploadRequest asks where to put a new snapshot.
type UploadRequest struct {
	Lifetime      string `json:"lifetime"`
	RequestNumber int    `json:"request_number"`
}

// Upload is the answer: the new snapshot's id and one URL for each object. The
// pack is written first, the manifest last.
type Upload struct {
	Snapshot    string `json:"snapshot"`
	ManifestURL string `json:"manifest_url"`
	PackURL     string `json:"pack_url"`
}

// Registration puts an uploaded snapshot into the pool.
type Registration struct {
	Snapshot       string `json:"snapshot"`
	Lifetime       string `json:"lifetime"`
	ManifestSHA256 string `json:"manifest_sha256"`
}

// Registered is the answer to a registration.
type Registered struct {
	Snapshot string `json:"snapshot"`
	// Pruned are the snapshots that had to leave the pool.
	Pruned []string `json:"pruned,omitempty"`
}

// Start kinds of a lifetime.
const (
	Cold     = "cold"
	Restored = "restored"
)

// Outcomes of a checkpoint.
const (
	CheckpointDone   = "done"
	CheckpointFailed = "failed"
)

// LifetimeRecord is what became of a lifetime.
type LifetimeRecord struct {
	Lifetime string `json:"lifetime"`
	// Start is Cold or Restored: how it really started.
	Start string `json:"start"`
	// StartReason says why, most of all why a planned restore became a cold start.
	StartReason string `json:"start_reason,omitempty"`
	// FailedSnapshot is the snapshot that could not be restored; "" if none.
	FailedSnapshot string `json:"failed_snapshot,omitempty"`
	// Snapshot is the snapshot it was restored from; "" when cold.
	Snapshot string `json:"snapshot,omitempty"`
	// RequestNumber is R, the request number that it started at.
	RequestNumber int `json:"request_number"`
	// Requests is the number of requests that it served.
	Requests int       `json:"requests"`
	Started  time.Time `json:"started"`
	// Start-up times: asking for the plan, fetching and unpacking the image,
	// CRIU's restore or the process's launch until it accepts connections.
	PlanMS    float64 `json:"plan_ms"`
	FetchMS   float64 `json:"fetch_ms"`
	StartMS   float64 `json:"start_ms"`
	StartUpMS float64 `json:"start_up_ms"`
	// BytesDownloaded and BytesUploaded are what moved between worker and pool.
	BytesDownloaded int64       `json:"bytes_downloaded"`
	BytesUploaded   int64       `json:"bytes_uploaded"`
	Checkpoint      *Checkpoint `json:"checkpoint,omitempty"`
	// EndReason is "evicted", "shutdown", "exited" or "failed".
	EndReason string `json:"end_reason"`
}

// Checkpoint is what became of the checkpoint of a lifetime.
type Checkpoint struct {
	// Outcome is CheckpointDone or CheckpointFailed.
	Outcome string `json:"outcome"`
	// Reason says why it failed.
	Reason        string `json:"reason,omitempty"`
	Snapshot      string `json:"snapshot,omitempty"`
	RequestNumber int    `json:"request_number"`
	// PauseMS is the time in which no request was handed to the function,
	// DumpMS CRIU's part of it, UploadMS the time from then to the registration.
	PauseMS  float64 `json:"pause_ms"`
	DumpMS   float64 `json:"dump_ms"`
	UploadMS float64 `json:"upload_ms"`
	Bytes    int64   `json:"bytes"`
}
