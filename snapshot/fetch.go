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
//
// With FetchRequest.Later it returns as soon as what is needed is there; ctx has
// to last until Fetched.Arrived.
func (t *Transfer) Fetch(ctx context.Context, req FetchRequest) (Fetched, error) {
	a := &assembler{sender: newSender(t.http), codec: t.codec, step: t.step, req: req, began: time.Now()}
	got, err := a.fetch(ctx)
	took := time.Since(a.began)
	if got.note(a); err == nil {
		got.AssembleTime = max(took-got.DownloadTime, 0)
	}
	return got, err
}

// note says what was moved so far.
func (f *Fetched) note(a *assembler) {
	f.Moved, f.FromCache = a.moved.Load(), a.fromCache.Load()
	if last := a.lastByte.Load(); last > 0 {
		f.DownloadTime = time.Unix(0, last).Sub(a.began)
	}
}

func (a *assembler) fetch(ctx context.Context) (Fetched, error) {
	m, err := a.manifest(ctx)
	if err != nil {
		return Fetched{}, fmt.Errorf("fetch the manifest: %w", err)
	}
	a.step("fetch: manifest read")
	if err := a.req.Keys.opens(m); err != nil {
		return Fetched{}, fmt.Errorf("fetch snapshot %s: %w", m.ID, err)
	}
	got := Fetched{Manifest: m, Dir: a.req.Dir, manifestSHA256: a.req.ManifestSHA256}
	if dir := a.req.Cache.useImage(ctx, m, a.req.ManifestSHA256); dir != "" {
		a.fromCache.Add(m.storedBytes())
		got.Dir, got.Kept = dir, true
		if a.req.Files != nil {
			a.req.Files(dir)
		}
	} else if err := a.assembleIn(ctx, m); err != nil {
		return Fetched{}, fmt.Errorf("fetch snapshot %s: %w", m.ID, err)
	}
	if a.req.Later != nil {
		got.Pages = openPages(got.Dir, a.later)
	}
	return got, nil
}

// assembleIn makes the image, or as much of it as is needed.
func (a *assembler) assembleIn(ctx context.Context, m Manifest) error {
	parts, err := partsOf(m)
	if err != nil {
		return err
	}
	a.target, err = newTarget(a.req.Dir, m)
	if err != nil {
		return err
	}
	if a.req.Later == nil {
		if err = a.target.stretch(); err == nil {
			err = a.assemble(ctx, m, parts)
		}
	} else {
		if a.later, err = newLater(a, m, parts); err == nil {
			err = a.later.begin(ctx, parts)
		}
	}
	switch {
	case err != nil:
		return errors.Join(err, a.target.discard(), a.later.free())
	case a.later != nil:
		return nil // it is closed when it is complete, or not used any more
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
