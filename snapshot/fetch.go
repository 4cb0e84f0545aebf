package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Fetch reads a manifest, verifies it against its registered SHA-256, reads
// what of the packs it needs, and assembles the image in a directory. Data that
// differs from its checksum or its format is ErrCorrupt, an object that is gone
// is ErrNotExist, a key that is missing is ErrNoKey. After an error nothing of
// the image is left.
func (t *Transfer) Fetch(ctx context.Context, req FetchRequest) (Fetched, error) {
	begin := time.Now()
	s := newSender(t.http)
	a := &assembler{sender: s, codec: t.codec, step: t.step, req: req}
	m, err := a.fetch(ctx)
	got := Fetched{Moved: s.moved.Load(), FromCache: a.fromCache.Load()}
	if err != nil {
		return got, err
	}
	got.Manifest = m
	if last := a.lastByte.Load(); last > 0 {
		got.DownloadTime = time.Unix(0, last).Sub(begin)
	}
	got.AssembleTime = time.Since(begin) - got.DownloadTime
	return got, nil
}

func (a *assembler) fetch(ctx context.Context) (Manifest, error) {
	m, err := a.manifest(ctx)
	if err != nil {
		return m, fmt.Errorf("fetch the manifest: %w", err)
	}
	a.step("fetch: manifest read")
	parts, err := partsOf(m)
	if err != nil {
		return m, err
	}
	a.target, err = newTarget(a.req.Dir, m)
	if err != nil {
		return m, err
	}
	if err = a.assemble(ctx, m, parts); err != nil {
		return m, errors.Join(fmt.Errorf("fetch snapshot %s: %w", m.ID, err), a.target.discard())
	}
	return m, a.target.close()
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
