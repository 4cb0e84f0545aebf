// Package snapshot holds process images: what a snapshot consists of, how an
// image is packed into few objects and assembled again with every byte
// verified, and the contract of the object pool. Package snapshot/criu makes
// and restores the images, package snapshot/pool implements the pool over a
// directory and over S3. docs/pool-format.md describes what lies in the pool.
package snapshot

import "errors"

// Sentinel errors.
var (
	// ErrNotExist says that an object or a snapshot is not in the pool.
	ErrNotExist = errors.New("not in the pool")
	// ErrCorrupt says that data differs from its checksum, or a manifest from
	// its format; such a snapshot is never restored.
	ErrCorrupt = errors.New("corrupt snapshot")
	// ErrFormat says that a manifest is of a format version that this program
	// does not read.
	ErrFormat = errors.New("unknown snapshot format")
	// ErrNoKey says that a snapshot is encrypted with a key that is not in the
	// keyring, or not encrypted while the keyring wants it; the error names the
	// key's id.
	ErrNoKey = errors.New("key not in the keyring")
)
