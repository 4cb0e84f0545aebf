package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Verify reads the manifest of a snapshot of function fn and makes sure that
// its pack is in the pool with the right size. The pack is not read: VerifyData
// does that. Missing objects are ErrNotExist, wrong ones ErrCorrupt.
func Verify(ctx context.Context, pool Pool, fn, id, manifestSHA256 string) (Manifest, error) {
	m, err := readManifest(ctx, pool, fn, id, manifestSHA256)
	if err != nil {
		return Manifest{}, fmt.Errorf("snapshot %s of %s: %w", id, fn, err)
	}
	size, err := pool.Stat(ctx, PackKey(fn, id))
	if err != nil {
		return Manifest{}, fmt.Errorf("snapshot %s of %s: pack: %w", id, fn, err)
	}
	if size != m.Pack.Bytes {
		return Manifest{}, fmt.Errorf("snapshot %s of %s: %w: the pack has %d bytes, the manifest says %d", id, fn, ErrCorrupt, size, m.Pack.Bytes)
	}
	return m, nil
}

// VerifyData is Verify and also reads the pack and compares every checksum.
func VerifyData(ctx context.Context, pool Pool, fn, id, manifestSHA256 string) (Manifest, error) {
	m, err := Verify(ctx, pool, fn, id, manifestSHA256)
	if err != nil {
		return Manifest{}, err
	}
	r, _, err := pool.Get(ctx, PackKey(fn, id))
	if err != nil {
		return Manifest{}, fmt.Errorf("snapshot %s of %s: pack: %w", id, fn, err)
	}
	defer r.Close()
	if err := scan(ctx, r, m.Pack, discard); err != nil {
		return Manifest{}, fmt.Errorf("snapshot %s of %s: pack: %w", id, fn, err)
	}
	return m, nil
}

func readManifest(ctx context.Context, pool Pool, fn, id, manifestSHA256 string) (Manifest, error) {
	if err := errors.Join(checkName("function", fn), checkName("id", id)); err != nil {
		return Manifest{}, err
	}
	r, _, err := pool.Get(ctx, ManifestKey(fn, id))
	if err != nil {
		return Manifest{}, fmt.Errorf("manifest: %w", err)
	}
	defer r.Close()
	raw, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
	if err != nil {
		return Manifest{}, fmt.Errorf("read the manifest: %w", err)
	}
	m, err := DecodeManifest(raw, manifestSHA256)
	if err == nil && (m.Function != fn || m.ID != id) {
		err = fmt.Errorf("%w: the manifest is of snapshot %s of %s", ErrCorrupt, m.ID, m.Function)
	}
	return m, err
}

type discardCloser struct{ io.Writer }

func (discardCloser) Close() error { return nil }

func discard(string) (io.WriteCloser, error) { return discardCloser{io.Discard}, nil }
