package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Verify reads a manifest of the snapshot id of function fn, of the name
// "manifest.json" ("" is the same) or "manifest-N.json", and makes sure that
// all its packs are in the pool with the right size. The packs are not read:
// VerifyData does that. Missing objects are ErrNotExist, wrong ones ErrCorrupt.
func Verify(ctx context.Context, pool Pool, fn, id, manifestName, manifestSHA256 string) (Manifest, error) {
	m, err := readManifest(ctx, pool, fn, id, manifestName, manifestSHA256)
	if err != nil {
		return Manifest{}, fmt.Errorf("snapshot %s of %s: %w", id, fn, err)
	}
	for _, p := range m.Packs {
		if err := verifySize(ctx, pool, fn, p); err != nil {
			return Manifest{}, fmt.Errorf("snapshot %s of %s: pack %s: %w", id, fn, p.ID, err)
		}
	}
	return m, nil
}

// VerifyData is Verify and also reads all frames that the snapshot needs and
// compares their checksums. Frames that are not encrypted, or with a key that
// keys has, are decrypted and decompressed too.
func VerifyData(ctx context.Context, pool Pool, fn, id, manifestName, manifestSHA256 string, keys *Keyring) (Manifest, error) {
	m, err := Verify(ctx, pool, fn, id, manifestName, manifestSHA256)
	if err != nil {
		return Manifest{}, err
	}
	v := verifier{pool: pool, fn: fn, keys: keys, codec: newCodec()}
	for i, p := range m.Packs {
		if err := v.pack(ctx, p, m.packFrames(i)); err != nil {
			return Manifest{}, fmt.Errorf("snapshot %s of %s: pack %s: %w", id, fn, p.ID, err)
		}
	}
	return m, nil
}

func verifySize(ctx context.Context, pool Pool, fn string, p PackRef) error {
	size, err := pool.Stat(ctx, PackKey(fn, p.ID))
	if err == nil && size != p.Bytes {
		err = fmt.Errorf("%w: it has %d bytes, the manifest says %d", ErrCorrupt, size, p.Bytes)
	}
	return err
}

// verifier reads packs frame by frame.
type verifier struct {
	pool  Pool
	fn    string
	keys  *Keyring
	codec *codec
	raw   []byte
}

func (v *verifier) pack(ctx context.Context, p PackRef, frames []Frame) error {
	s, err := openSealer(v.keys, v.fn, p.KeyID, p.Salt)
	if err != nil && !errors.Is(err, ErrNoKey) {
		return err
	}
	readable := err == nil
	for _, r := range rangesOf(frames) {
		err := readFrames(ctx, v.pool, PackKey(v.fn, p.ID), r, func(f Frame, stored []byte) error {
			if !readable {
				return nil
			}
			return v.unpack(framer{v.codec, s}, f, stored)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) unpack(c framer, f Frame, stored []byte) error {
	if v.raw == nil {
		v.raw = make([]byte, maxFrameRaw)
	}
	_, err := c.unpack(f, stored, v.raw)
	return err
}

// readFrames reads a range of a pack from the pool and hands out its frames,
// each verified and good until the next.
func readFrames(ctx context.Context, pool Pool, key string, r frameRange, use func(Frame, []byte) error) error {
	object, err := pool.GetRange(ctx, key, r.offset, r.bytes)
	if err != nil {
		return err
	}
	defer object.Close()
	buf := make([]byte, 0, maxFrameRaw+frameOverhead)
	return r.each(object, func(f Frame) []byte { return buf[:f.Bytes] }, func(f Frame, stored []byte) error {
		if err := f.verify(stored); err != nil {
			return err
		}
		return use(f, stored)
	})
}

func readManifest(ctx context.Context, pool Pool, fn, id, name, manifestSHA256 string) (Manifest, error) {
	if err := errors.Join(checkName("function", fn), checkName("id", id), checkManifestName(name)); err != nil {
		return Manifest{}, err
	}
	r, _, err := pool.Get(ctx, ManifestObject(fn, id, name))
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
