package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Fetch reads a manifest, verifies it against its registered SHA-256, reads
// what of the packs it needs, and assembles the image in a directory; or it
// finds the image as a whole in the cache. Fetched.Dir says where it is. Data that
// differs from its checksum or its format is ErrCorrupt, an object that is gone
// is ErrNotExist, a key that is missing is ErrNoKey. After an error nothing of
// the image is left.
func (t *Transfer) Fetch(ctx context.Context, req FetchRequest) (Fetched, error) {
	begin := time.Now()
	s := newSender(t.http)
	a := &assembler{sender: s, codec: t.codec, step: t.step, req: req}
	m, dir, err := a.fetch(ctx)
	got := Fetched{Moved: s.moved.Load(), FromCache: a.fromCache.Load()}
	if err != nil {
		return got, err
	}
	got.Manifest, got.Dir, got.Kept, got.manifestSHA256 = m, dir, dir != req.Dir, req.ManifestSHA256
	if last := a.lastByte.Load(); last > 0 {
		got.DownloadTime = time.Unix(0, last).Sub(begin)
	}
	got.AssembleTime = time.Since(begin) - got.DownloadTime
	return got, nil
}

// fetch returns where the image is.
func (a *assembler) fetch(ctx context.Context) (m Manifest, dir string, err error) {
	m, err = a.manifest(ctx)
	if err != nil {
		return m, "", fmt.Errorf("fetch the manifest: %w", err)
	}
	a.step("fetch: manifest read")
	if err := a.req.Keys.opens(m); err != nil {
		return m, "", fmt.Errorf("fetch snapshot %s: %w", m.ID, err)
	}
	if dir = a.req.Cache.useImage(ctx, m, a.req.ManifestSHA256); dir != "" {
		a.fromCache.Add(m.storedBytes())
		return m, dir, nil
	}
	return m, a.req.Dir, a.assembleIn(ctx, m)
}

func (a *assembler) assembleIn(ctx context.Context, m Manifest) error {
	parts, err := partsOf(m)
	if err != nil {
		return err
	}
	a.target, err = newTarget(a.req.Dir, m)
	if err != nil {
		return err
	}
	if err = a.assemble(ctx, m, parts); err != nil {
		return errors.Join(fmt.Errorf("fetch snapshot %s: %w", m.ID, err), a.target.discard())
	}
	return a.target.close()
}

// manifest takes it from the cache or the pool.
func (a *assembler) manifest(ctx context.Context) (m Manifest, err error) {
	sum := a.req.ManifestSHA256
	if raw := a.req.Cache.manifest(sum); raw != nil {
		if m, err = DecodeManifest(raw, sum); err == nil {
			a.fromCache.Add(int64(len(raw)))
			return m, nil
		}
	}
	err = a.get(ctx, a.req.ManifestURL, func(r io.Reader) error {
		raw, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
		if err != nil {
			return err
		}
		if m, err = DecodeManifest(raw, sum); err == nil {
			a.lastByte.Store(time.Now().UnixNano())
			a.req.Cache.addManifest(sum, raw)
		}
		return err
	})
	return m, err
}
