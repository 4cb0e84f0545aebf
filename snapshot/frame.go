package snapshot

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// framer turns contents into the frames of a pack and back. It may be used by
// many goroutines at once.
type framer struct {
	*codec
	sealer *sealer // nil if the pack is not encrypted
}

// pack makes the stored form of a frame, of which N, First and Pages are set,
// and sets the rest but its place. scratch is used if it is large enough; the
// stored form lies elsewhere.
func (c framer) pack(f *Frame, raw, scratch []byte) (stored []byte) {
	f.Raw = int64(len(raw))
	zipped := c.encoder.EncodeAll(raw, scratch[:0])
	if c.sealer == nil {
		stored = append(make([]byte, 0, len(zipped)), zipped...)
	} else {
		stored = c.sealer.seal(make([]byte, 0, len(zipped)+c.sealer.aead.Overhead()), zipped, *f)
	}
	sum := sha256.Sum256(stored)
	f.Bytes, f.SHA256 = int64(len(stored)), hex.EncodeToString(sum[:])
	return stored
}

// unpack returns the contents of a frame whose stored bytes were verified; it
// overwrites those. buf has room for Frame.Raw bytes.
func (c framer) unpack(f Frame, stored, buf []byte) (raw []byte, err error) {
	zipped, err := c.open(f, stored)
	if err != nil {
		return nil, err
	}
	return c.unzip(f, zipped, buf)
}

// open decrypts a frame, in place.
func (c framer) open(f Frame, stored []byte) (zipped []byte, err error) {
	if c.sealer == nil {
		return stored, nil
	}
	if zipped, err = c.sealer.open(stored, f); err != nil {
		return nil, fmt.Errorf("%w: frame %d: it was encrypted with another key, or as another frame: %w", ErrCorrupt, f.N, err)
	}
	return zipped, nil
}

// unzipRoom is what the decompressor likes to have behind the contents: it takes a
// fifth less time if it need not stop at their end.
const unzipRoom = 128<<10 + 16

// unzip decompresses a frame. buf has room for Frame.Raw bytes, and, to be quicker,
// for unzipRoom more.
func (c framer) unzip(f Frame, zipped, buf []byte) (raw []byte, err error) {
	if raw, err = c.decompress(zipped, buf[:0:min(int64(cap(buf)), f.Raw+unzipRoom)], f.Raw); err != nil {
		return nil, fmt.Errorf("%w: frame %d: %w", ErrCorrupt, f.N, err)
	}
	return raw, nil
}

// verify compares the stored bytes of a frame with its checksum.
func (f Frame) verify(stored []byte) error {
	if int64(len(stored)) != f.Bytes || !f.matches(stored) {
		return fmt.Errorf("%w: frame %d differs from its checksum", ErrCorrupt, f.N)
	}
	return nil
}

func (f Frame) matches(stored []byte) bool {
	sum := sha256.Sum256(stored)
	var text [2 * sha256.Size]byte
	hex.Encode(text[:], sum[:])
	return string(text[:]) == f.SHA256
}
