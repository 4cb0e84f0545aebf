// Package snapshot holds process images: what a snapshot consists of, how an
// image directory is packed into few objects and unpacked with every byte
// verified, and the contract of the object pool. Package snapshot/criu makes
// and restores the images, package snapshot/pool implements the pool over a
// directory and over S3.
package snapshot

import (
	"context"
	"errors"
	"io"
	"time"
)

// Sentinel errors.
var (
	// ErrNotExist says that an object or a snapshot is not in the pool.
	ErrNotExist = errors.New("not in the pool")
	// ErrCorrupt says that data differs from its checksum, or a manifest from
	// its format; such a snapshot is never restored.
	ErrCorrupt = errors.New("corrupt snapshot")
)

// Format names the version of the pool format that this package writes and
// reads; docs/pool-format.md describes it.
const Format = "pronghorn-snapshot/1"

// Manifest describes one snapshot. It is the last object that is written of
// it, and its own checksum is kept with the pool entry.
type Manifest struct {
	// Format is the constant Format.
	Format string `json:"format"`
	ID     string `json:"id"`
	// Function is the name of the function.
	Function string `json:"function"`
	// Lifetime is the id of the lifetime in which it was taken.
	Lifetime string `json:"lifetime"`
	// Parent is the snapshot that this lifetime was restored from; "" if none.
	Parent string `json:"parent,omitempty"`
	// RequestNumber counts the requests that the process served in its lineage.
	RequestNumber int       `json:"request_number"`
	Created       time.Time `json:"created"`
	// Platform is the key of the platforms that can restore it.
	Platform string `json:"platform"`
	// Runtime is "pypy", "jvm", "node" or "other".
	Runtime string  `json:"runtime"`
	Process Process `json:"process"`
	Pack    Pack    `json:"pack"`
}

// Process is what a restorer must know of the process in the image.
type Process struct {
	// PID is the process id that the restored process will have.
	PID int `json:"pid"`
	// MaxTID is the highest thread id in the image.
	MaxTID int `json:"max_tid"`
	// TIDs are all process and thread ids that a restore takes.
	TIDs []int `json:"tids"`
	// Stdout and Stderr name the pipes ("pipe:[123]") in whose place the
	// restored process gets the restorer's own.
	Stdout string `json:"stdout"`
	Stderr string `json:"stderr"`
}

// Pack describes the object that holds the image files end to end.
type Pack struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	Files  []File `json:"files"`
}

// File is one image file inside the pack; files lie in order, without gaps.
type File struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Pool is an object store. Keys are slash-separated; implementations pass the
// suite in snapshot/pooltest.
type Pool interface {
	// Put stores exactly size bytes of r under key, all or nothing: a failed or
	// interrupted Put leaves no object. An existing object is replaced.
	Put(ctx context.Context, key string, r io.Reader, size int64) error
	// Get opens an object and returns its size; ErrNotExist if there is none.
	Get(ctx context.Context, key string) (io.ReadCloser, int64, error)
	// Stat returns an object's size; ErrNotExist if there is none.
	Stat(ctx context.Context, key string) (int64, error)
	// List returns all objects whose key starts with prefix, sorted by key.
	List(ctx context.Context, prefix string) ([]Object, error)
	// Delete removes an object; one that is not there is no error.
	Delete(ctx context.Context, key string) error
}

// Object is one entry of a listing.
type Object struct {
	Key      string
	Bytes    int64
	Modified time.Time
}

// Presigner is a Pool that can hand out URLs with which somebody without
// credentials reads or writes exactly one object for a limited time.
type Presigner interface {
	PresignGet(ctx context.Context, key string, ttl time.Duration) (string, error)
	PresignPut(ctx context.Context, key string, ttl time.Duration) (string, error)
}

// ManifestKey is the key of a snapshot's manifest.
func ManifestKey(fn, id string) string { return Prefix(fn, id) + "manifest.json" }

// PackKey is the key of a snapshot's image files.
func PackKey(fn, id string) string { return Prefix(fn, id) + "image.pack" }

// Prefix is what the keys of a snapshot's objects start with; with an empty id
// it is the prefix of all snapshots of the function.
func Prefix(fn, id string) string {
	if id == "" {
		return fn + "/"
	}
	return fn + "/" + id + "/"
}
