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
	"slices"
	"time"
)

// Sentinel errors of every Store, local or remote.
var (
	// ErrNotFound says that the function, the entry or the document is not there.
	ErrNotFound = errors.New("not found")
	// ErrConflict says that a compare-and-set lost, or that a change does not
	// go with what the store holds now: read again, then retry or give up.
	ErrConflict = errors.New("in conflict with what the store holds now")
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
	// Parent is the snapshot that its lifetime was restored from; "" if none.
	Parent string `json:"parent,omitempty"`
	// Bytes is the size of the image, unpacked.
	Bytes int64 `json:"bytes"`
	// StoredBytes is what it added to the pool: its own pack and its manifest.
	StoredBytes int64 `json:"stored_bytes,omitempty"`
	// SharedBytes is what it needs of the packs of others, as it is stored there.
	SharedBytes int64 `json:"shared_bytes,omitempty"`
	// Manifest is the name of the manifest object; "" is the usual one.
	Manifest string `json:"manifest,omitempty"`
	// ManifestSHA256 is the checksum (hex) of the manifest object; a restorer
	// refuses a manifest that differs. A tombstone without one only keeps its
	// pack for others.
	ManifestSHA256 string `json:"manifest_sha256,omitempty"`
	// Packs are the packs that it refers to, its own among them. The id of a
	// pack is that of the entry that it belongs to. Entries of old have none,
	// see PackIDs.
	Packs []string `json:"packs,omitempty"`
	// KeyIDs are the encryption keys without which it cannot be restored.
	KeyIDs []string `json:"key_ids,omitempty"`
	// Created is when it was registered.
	Created time.Time `json:"created"`
	// Failures are the ids of the lifetimes that failed to start from it.
	Failures []string `json:"failures,omitempty"`
	// Replaced is when its manifest was replaced by another; zero = never. For
	// a lease after that, a worker may still read the one before.
	Replaced time.Time `json:"replaced,omitzero"`
	// Deleted is when it was unregistered (a tombstone); zero while it may be
	// restored. Its manifest is deleted a lease after that, its pack when
	// nobody refers to it any more.
	Deleted time.Time `json:"deleted,omitzero"`
	// Condemned is when nobody referred to its pack any more; from then on
	// nobody can. Zero while the pack is there for certain.
	Condemned time.Time `json:"condemned,omitzero"`
}

// Live reports whether the snapshot may be restored.
func (e Entry) Live() bool { return e.Deleted.IsZero() }

// PackIDs are the packs that the entry refers to. One without Packs refers to
// its own only, as all did once.
func (e Entry) PackIDs() []string {
	if len(e.Packs) == 0 {
		return []string{e.ID}
	}
	return e.Packs
}

// Refers reports whether the entry refers to a pack.
func (e Entry) Refers(pack string) bool { return slices.Contains(e.PackIDs(), pack) }

// PackOnly reports whether the entry is but the keeper of a pack that others
// refer to: a tombstone without a manifest.
func (e Entry) PackOnly() bool { return !e.Live() && e.ManifestSHA256 == "" }

// Pending is a snapshot that is being uploaded and will refer to packs.
type Pending struct {
	// ID is the snapshot's, which is not registered yet.
	ID string `json:"id"`
	// Packs may not be condemned until then.
	Packs []string `json:"packs"`
	// Until is when the upload is given up.
	Until time.Time `json:"until"`
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
	// Pending are the uploads that were granted packs of others, those that
	// were given up perhaps among them.
	Pending []Pending `json:"pending,omitempty"`
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
	// Reserve grants an upload those of the packs p.Packs that belong to an
	// entry, live or tombstone, that is not condemned, and keeps them from being
	// condemned until p.Until. Reserving again for an id replaces what it had.
	// Above MaxPending uploads at once nothing is granted.
	Reserve(ctx context.Context, fn string, p Pending, now time.Time) (granted []string, err error)
	// AddEntry puts a snapshot into the pool, without failures; one that is
	// marked deleted enters as a tombstone. It is ErrConflict if the entry refers
	// to a pack, other than its own, of which the store knows no entry or a
	// condemned one. What was reserved for the id is released. Adding an id again
	// changes nothing else and reports false, also when it has been removed since.
	AddEntry(ctx context.Context, fn string, e Entry) (added bool, err error)
	// ReplaceEntry gives the entry e.ID another manifest if its checksum is
	// still oldSHA256, or returns ErrConflict: Manifest, ManifestSHA256, Packs,
	// KeyIDs, StoredBytes and SharedBytes become those of e. Packs are checked
	// as by AddEntry. Tombstones whose packs the entry does not refer to any
	// more stay for as long as workers may restore from the manifest before:
	// they are marked deleted now, or when the entry itself was, if that is
	// later than before. An entry that is not there is ErrNotFound; one that is
	// as e says already is no error.
	ReplaceEntry(ctx context.Context, fn, oldSHA256 string, e Entry, now time.Time) error
	// CondemnEntry marks a tombstone, after which nothing can refer to its pack
	// any more and the pack may be deleted. While something else does (a live
	// entry, a tombstone that is not condemned, an upload until its time is
	// over), or while the entry is live, it is ErrConflict; an entry that is not
	// there is ErrNotFound; one that is condemned is no error.
	CondemnEntry(ctx context.Context, fn, id string, now time.Time) error
	// RemoveEntries marks entries deleted at the given time. Unknown and
	// already deleted ids are passed over; the entries newly marked return.
	RemoveEntries(ctx context.Context, fn string, ids []string, at time.Time) ([]Entry, error)
	// FailEntry records that a lifetime failed to start from a snapshot, once
	// per lifetime, and returns the entry as it is then.
	FailEntry(ctx context.Context, fn, id, lifetime string) (Entry, error)
	// PurgeEntry forgets a condemned entry. An entry that is not condemned is
	// ErrInvalid, one that is gone is no error.
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
	// MaxPacks is how many packs an entry may refer to, MaxPending how many
	// uploads of a function may hold reservations at once.
	MaxPacks   = 1024
	MaxPending = 256
)

// SeenFor is how long a store remembers which samples a lifetime has reported,
// counted from the last new one: a batch that is sent again later than that
// would be counted twice.
const SeenFor = 24 * time.Hour
