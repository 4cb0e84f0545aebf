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
	// KeyIDs are the encryption keys that the worker has; snapshots that need
	// others are not offered.
	KeyIDs []string `json:"key_ids,omitempty"`
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
	Snapshot      string `json:"snapshot"`
	RequestNumber int    `json:"request_number"`
	// Manifest is the name of the manifest object; "" is the usual one.
	Manifest       string `json:"manifest,omitempty"`
	ManifestURL    string `json:"manifest_url"`
	ManifestSHA256 string `json:"manifest_sha256"`
	// Packs are all packs that the manifest refers to, by ranged GETs.
	Packs []Pack `json:"packs"`
	// Bytes is the size of the image; StoredBytes what of it lies in the
	// snapshot's own pack and manifest, SharedBytes what it needs of the packs
	// of others, both as they are stored.
	Bytes       int64 `json:"bytes"`
	StoredBytes int64 `json:"stored_bytes,omitempty"`
	SharedBytes int64 `json:"shared_bytes,omitempty"`
}

// Pack is where a pack can be read.
type Pack struct {
	ID  string `json:"id"`
	URL string `json:"url"`
}

// PackURLs are the URLs of the packs by their ids.
func (r Restore) PackURLs() map[string]string {
	urls := make(map[string]string, len(r.Packs))
	for _, p := range r.Packs {
		urls[p.ID] = p.URL
	}
	return urls
}

// UploadRequest asks where to put a new snapshot.
type UploadRequest struct {
	Lifetime      string `json:"lifetime"`
	RequestNumber int    `json:"request_number"`
	// Packs are those that the snapshot would refer to, if it may.
	Packs []string `json:"packs,omitempty"`
}

// Upload is the answer: the new snapshot's id and one URL for each object. The
// pack is written first, the manifest last.
type Upload struct {
	Snapshot    string `json:"snapshot"`
	ManifestURL string `json:"manifest_url"`
	PackURL     string `json:"pack_url"`
	// Share are those of the packs that it may refer to, as long as it is
	// registered within 30 minutes.
	Share []string `json:"share,omitempty"`
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
	// Parts of that: FetchMS is downloading (until the last byte was there) and
	// assembling the image, StartMS of a restored process mostly CRIU's restore.
	DownloadMS float64 `json:"download_ms,omitempty"`
	AssembleMS float64 `json:"assemble_ms,omitempty"`
	RestoreMS  float64 `json:"restore_ms,omitempty"`
	// FirstResponseMS is the time from the plan's request to the end of the
	// first response.
	FirstResponseMS float64 `json:"first_response_ms,omitempty"`
	// Mode says how it was restored, in the words of the engine.
	Mode string `json:"mode,omitempty"`
	// BytesDownloaded and BytesUploaded are what moved between worker and pool,
	// BytesCached what the worker's cache saved it from downloading.
	BytesDownloaded int64       `json:"bytes_downloaded"`
	BytesUploaded   int64       `json:"bytes_uploaded"`
	BytesCached     int64       `json:"bytes_cached,omitempty"`
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
	// Parts of UploadMS: comparing the pages with those that are in the pool,
	// compressing (and encrypting) the new ones, sending them. They overlap.
	HashMS float64 `json:"hash_ms,omitempty"`
	PackMS float64 `json:"pack_ms,omitempty"`
	SendMS float64 `json:"send_ms,omitempty"`
	// Bytes is the size of the image, StoredBytes what was added to the pool.
	Bytes       int64 `json:"bytes"`
	StoredBytes int64 `json:"stored_bytes,omitempty"`
	// Pages is the number of pages of the image: those that are zero, those
	// that were in the pool already, those that were not.
	Pages       int `json:"pages,omitempty"`
	PagesZero   int `json:"pages_zero,omitempty"`
	PagesShared int `json:"pages_shared,omitempty"`
	PagesNew    int `json:"pages_new,omitempty"`
	// Mode says how it was dumped, in the words of the engine.
	Mode string `json:"mode,omitempty"`
}
