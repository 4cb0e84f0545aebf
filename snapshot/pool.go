package snapshot

import (
	"context"
	"io"
	"time"
)

// Pool is an object store. Keys are slash-separated; implementations pass the
// suite in snapshot/pooltest.
type Pool interface {
	// Put stores exactly size bytes of r under key, all or nothing: a failed or
	// interrupted Put leaves no object. An existing object is replaced.
	Put(ctx context.Context, key string, r io.Reader, size int64) error
	// Get opens an object and returns its size; ErrNotExist if there is none.
	Get(ctx context.Context, key string) (io.ReadCloser, int64, error)
	// GetRange opens length bytes of an object from offset on, at least one;
	// ErrNotExist if there is no object. A range that is not wholly inside the
	// object is an error, which comes at the latest instead of the reader's end.
	GetRange(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error)
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
// credentials reads or writes exactly one object for a limited time. A URL for
// reading is good for ranges of the object too.
type Presigner interface {
	PresignGet(ctx context.Context, key string, ttl time.Duration) (string, error)
	PresignPut(ctx context.Context, key string, ttl time.Duration) (string, error)
}
