// Package kvstore holds the state that all workers of a function share: the
// latency table, the entries of the snapshot pool and the parameters (paper,
// section 4: the "database"). The package itself has the domain types, the
// Store contract and the HTTP client; package kvstore/backend has the
// implementations over Redis and over a file, package kvstore/server the
// service.
//
// Every change either commutes (samples, adding and removing pool entries) or
// compares and sets (parameters, documents), and every change may be sent
// again without effect: a sample carries the id of its lifetime and its
// request number, a pool entry its id.
package kvstore

import (
	"context"
	"errors"
	"time"
)

// Sentinel errors of every Store, local or remote.
var (
	// ErrNotFound says that the function, the entry or the document is not there.
	ErrNotFound = errors.New("not found")
	// ErrConflict says that a compare-and-set lost: read again and retry.
	ErrConflict = errors.New("changed by somebody else in between")
	// ErrInvalid says that the caller's input can never succeed.
	ErrInvalid = errors.New("invalid")
	// ErrUnavailable says that the store cannot be reached at the moment: the
	// same call may succeed later.
	ErrUnavailable = errors.New("store unavailable")
)

// Params are the parameters of one function's latency table.
type Params struct {
	// MaxRequests is W, the number of slots of the latency table.
	MaxRequests int `json:"max_requests"`
	// Epsilon is ε, the weight of a new sample, in (0, 1].
	Epsilon float64 `json:"epsilon"`
}

// DefaultParams are those of the paper for PyPy: W = 100, ε = 0.5.
func DefaultParams() Params { return Params{MaxRequests: 100, Epsilon: 0.5} }

// Entry is one snapshot in the pool of a function.
type Entry struct {
	// ID names the snapshot; unique within the function.
	ID string `json:"id"`
	// RequestNumber is the number of requests that the process had served in
	// its whole lineage when the snapshot was taken.
	RequestNumber int `json:"request_number"`
	// Lifetime is the id of the lifetime in which it was taken.
	Lifetime string `json:"lifetime,omitempty"`
	// Platform is the key of the platforms that can restore it.
	Platform string `json:"platform,omitempty"`
	// Bytes is the size of the image in the pool.
	Bytes int64 `json:"bytes"`
	// ManifestSHA256 is the checksum (hex) of the manifest object; a restorer
	// refuses a manifest that differs.
	ManifestSHA256 string `json:"manifest_sha256,omitempty"`
	// Created is when it was registered.
	Created time.Time `json:"created"`
	// Failures are the ids of the lifetimes that failed to start from it.
	Failures []string `json:"failures,omitempty"`
	// Deleted is when it was unregistered (a tombstone); zero while it may be
	// restored. Its objects are deleted a lease after that.
	Deleted time.Time `json:"deleted,omitzero"`
}

// State is everything that the store knows of one function.
type State struct {
	Function string `json:"function"`
	Params   Params `json:"params"`
	// Version counts the changes of Params; 0 means that nobody has set them.
	Version int64 `json:"version"`
	// LatenciesUS is θ: the expected latency in µs of request i+1; 0 = unseen.
	// Its length is Params.MaxRequests.
	LatenciesUS []float64 `json:"latencies_us"`
	// Samples is the number of samples that went into the table.
	Samples int64 `json:"samples"`
	// Pool holds the entries in order of registration, tombstones included.
	Pool []Entry `json:"pool"`
}

// Sample is the latency of one request.
type Sample struct {
	// RequestNumber is the number of the request in its lineage, from 1.
	RequestNumber int `json:"n"`
	// LatencyUS is its latency in µs.
	LatencyUS float64 `json:"us"`
}

// Batch is what one lifetime reports at once.
type Batch struct {
	Lifetime string   `json:"lifetime"`
	Samples  []Sample `json:"samples"`
}

// BatchResult says what became of a batch. Applied + Duplicates + Ignored is
// the number of samples in it.
type BatchResult struct {
	// Applied samples changed the table.
	Applied int `json:"applied"`
	// Duplicates had been counted before.
	Duplicates int `json:"duplicates"`
	// Ignored lie beyond the table (n > W).
	Ignored int `json:"ignored"`
}

// Document is a value of the artifact's API: an opaque JSON text with the
// number of writes that it has seen.
type Document struct {
	Data  []byte
	Count int64
}

// Store is the contract of the KV service, of its backends and of its client.
// All implementations pass the suite in kvstore/storetest. Function names must
// satisfy ValidName; other input errors wrap ErrInvalid.
type Store interface {
	// Functions lists the functions that have any state, sorted.
	Functions(ctx context.Context) ([]string, error)
	// State reads a function in one consistent piece. A function that nobody
	// wrote has DefaultParams, an empty table and no error.
	State(ctx context.Context, fn string) (State, error)
	// SetParams sets the parameters if version is still the current one, or
	// returns ErrConflict. Slots that exist before and after keep their values.
	SetParams(ctx context.Context, fn string, version int64, p Params) error
	// AddSamples applies every sample not yet seen, in order, in one atomic
	// step: slot n-1 becomes the sample if unseen, else ε·sample + (1-ε)·slot;
	// then the last slot takes the value of the one before it (paper,
	// section 4.2; the last step is the published code's). What a lifetime has
	// reported is remembered for at least SeenFor after its last new sample.
	AddSamples(ctx context.Context, fn string, b Batch) (BatchResult, error)
	// AddEntry puts a snapshot into the pool, without failures and not deleted.
	// Adding an id again changes nothing and reports false, also when it has
	// been removed since.
	AddEntry(ctx context.Context, fn string, e Entry) (added bool, err error)
	// RemoveEntries marks entries deleted at the given time. Unknown and
	// already deleted ids are passed over; the entries newly marked return.
	RemoveEntries(ctx context.Context, fn string, ids []string, at time.Time) ([]Entry, error)
	// FailEntry records that a lifetime failed to start from a snapshot, once
	// per lifetime, and returns the entry as it is then.
	FailEntry(ctx context.Context, fn, id, lifetime string) (Entry, error)
	// PurgeEntry forgets a deleted entry. An entry that is not marked deleted
	// is ErrInvalid, one that is gone is no error.
	PurgeEntry(ctx context.Context, fn, id string) error
	// DeleteFunction forgets the function, its documents excepted. Forgetting
	// an unknown one is no error.
	DeleteFunction(ctx context.Context, fn string) error

	// ReadDocument, WriteDocument and DeleteDocument are the artifact's API. A
	// write passes when expected < 0 or equals the count, which then grows by
	// one; ok reports whether it passed, count is the one after it. Documents
	// are kept without insignificant space; reading one that nobody wrote is
	// ErrNotFound.
	ReadDocument(ctx context.Context, key string) (Document, error)
	WriteDocument(ctx context.Context, key string, expected int64, data []byte) (count int64, ok bool, err error)
	DeleteDocument(ctx context.Context, key string) (existed bool, err error)

	Close() error
}

// Limits of what a store takes; beyond them the error wraps ErrInvalid.
const (
	MaxBatch         = 10_000
	MaxRequestsLimit = 100_000
	MaxDocumentBytes = 16 << 20
	MaxNameLength    = 128
)

// SeenFor is how long a store remembers which samples a lifetime has reported,
// counted from the last new one: a batch that is sent again later than that
// would be counted twice.
const SeenFor = 24 * time.Hour
