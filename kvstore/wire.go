package kvstore

import (
	"encoding/json"
	"time"
)

// The bodies of the HTTP API that are not domain types themselves; see
// docs/kv-api.md.

// FunctionList is the answer to GET /v1/functions.
type FunctionList struct {
	Functions []string `json:"functions"`
}

// ParamsUpdate is the body of PUT /v1/functions/{fn}/params.
type ParamsUpdate struct {
	// Version is the one that the change is based on.
	Version int64  `json:"version"`
	Params  Params `json:"params"`
}

// Added is the answer to POST /v1/functions/{fn}/entries.
type Added struct {
	Added bool `json:"added"`
}

// Removal is the body of POST /v1/functions/{fn}/entries/remove.
type Removal struct {
	IDs []string  `json:"ids"`
	At  time.Time `json:"at"`
}

// Removed is the answer to POST /v1/functions/{fn}/entries/remove.
type Removed struct {
	Removed []Entry `json:"removed"`
}

// Reservation is the body of POST /v1/functions/{fn}/reservations.
type Reservation struct {
	Pending
	// At is the caller's clock: what was reserved until before then is over.
	At time.Time `json:"at"`
}

// Granted is the answer to POST /v1/functions/{fn}/reservations.
type Granted struct {
	Granted []string `json:"granted"`
}

// Replacement is the body of PUT /v1/functions/{fn}/entries/{id}.
type Replacement struct {
	// OldManifestSHA256 is the checksum that the change is based on.
	OldManifestSHA256 string    `json:"old_manifest_sha256"`
	Entry             Entry     `json:"entry"`
	At                time.Time `json:"at"`
}

// Condemnation is the body of POST /v1/functions/{fn}/entries/{id}/condemn.
type Condemnation struct {
	At time.Time `json:"at"`
}

// Failure is the body of POST /v1/functions/{fn}/entries/{id}/failures.
type Failure struct {
	Lifetime string `json:"lifetime"`
}

// DocumentAnswer is what the artifact's API answers to everything.
type DocumentAnswer struct {
	// Data is the document; the empty string if there is none. Reads only.
	Data json.RawMessage `json:"data,omitempty"`
	// Passed is false for a write that came too late and for the deletion of
	// what was not there.
	Passed bool `json:"passed"`
	// NextExpectedID is the number of writes that the document has seen, -1
	// after a deletion.
	NextExpectedID int64 `json:"next_expected_id"`
}
