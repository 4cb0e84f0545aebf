package snapshot

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/background"
)

// Store packs an image and writes the pack and then the manifest. When it fails
// Moved is what was sent, and there is nothing to register.
//
// At most 64 MiB of the pack are held in memory, the rest is in a temporary
// file. Besides, packing takes 32 bytes for each page, some 100 more for each
// new one, and about 1 MiB for each CPU; the pages are not copied.
func (t *Transfer) Store(ctx context.Context, req StoreRequest) (Stored, error) {
	s := newSender(t.http)
	stored, err := t.store(ctx, s, req)
	stored.Moved = s.moved.Load()
	if err != nil {
		return Stored{Moved: stored.Moved}, err
	}
	return stored, nil
}

func (t *Transfer) store(ctx context.Context, s *sender, req StoreRequest) (Stored, error) {
	if err := req.check(); err != nil {
		return Stored{}, errors.Join(err, req.Image.Close())
	}
	var p packed
	var err error
	background.Do(func() { p, err = t.packAndClose(ctx, req) })
	if err != nil {
		return Stored{}, fmt.Errorf("pack snapshot %s: %w", req.Manifest.ID, err)
	}
	defer p.pack.close()
	t.step("store: packed")
	begin := time.Now()
	if err := s.put(ctx, req.PackURL, p.pack.open); err != nil {
		return Stored{}, fmt.Errorf("store the pack of snapshot %s: %w", p.manifest.ID, err)
	}
	t.step("store: pack written")
	if err := s.put(ctx, req.ManifestURL, func() (body, error) { return memory{bytes.NewReader(p.raw)}, nil }); err != nil {
		return Stored{}, fmt.Errorf("store the manifest of snapshot %s: %w", p.manifest.ID, err)
	}
	t.step("store: manifest written")
	p.stored.UploadTime = time.Since(begin)
	req.Cache.addPack(p.manifest, p.pack)
	req.Cache.addManifest(p.stored.ManifestSHA256, p.raw)
	p.stored.StoredBytes = p.pack.size + int64(len(p.raw))
	return p.stored, nil
}

// check makes sure that an image is what packing relies on.
func (r StoreRequest) check() error {
	if r.Image == nil {
		return errors.New("store: no image")
	}
	if !slices.IsSortedFunc(r.Image.Files, func(a, b ImageFile) int { return cmp.Compare(a.Name, b.Name) }) ||
		!slices.IsSortedFunc(r.Image.Pages, func(a, b ImagePages) int { return cmp.Compare(a.Name, b.Name) }) {
		return errors.New("store: the image's files are not sorted by name")
	}
	for _, p := range r.Image.Pages {
		if p.Bytes < 0 || p.Bytes > maxImage || p.Bytes%PageSize != 0 {
			return fmt.Errorf("store: image %s has %d bytes: want a multiple of %d", p.Name, p.Bytes, PageSize)
		}
	}
	return nil
}

// memory is a body that is held in memory.
type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }
