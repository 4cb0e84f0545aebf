package snapshot

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

const (
	// sealInfo starts what a pack's key is derived for; the function's name
	// follows.
	sealInfo = "pronghorn-snapshot/2 pack "
	// sealContext starts the data that every frame is bound to.
	sealContext = "pronghorn-snapshot/2 frame"
	// The kinds of frames.
	kindMeta = "meta"
	kindPage = "page"
)

// sealer encrypts and decrypts the frames of one pack; nil is for packs that
// are not encrypted. It may be used by many goroutines at once.
type sealer struct {
	aead     cipher.AEAD
	function string
}

// newSealer returns the sealer of a new pack, and the id of its key and its
// salt in hex; all are zero when the keyring has no key.
func newSealer(k *Keyring, function string) (s *sealer, keyID, salt string, err error) {
	keyID = k.Current()
	if keyID == "" {
		return nil, "", "", nil
	}
	raw := make([]byte, sha256.Size)
	_, _ = rand.Read(raw) // never fails
	salt = hex.EncodeToString(raw)
	s, err = openSealer(k, function, keyID, salt)
	return s, keyID, salt, err
}

// openSealer returns the sealer of a pack that exists.
func openSealer(k *Keyring, function, keyID, salt string) (*sealer, error) {
	if keyID == "" {
		return nil, nil
	}
	secret, err := k.secret(keyID)
	if err != nil {
		return nil, err
	}
	rawSalt, err := hex.DecodeString(salt)
	if err != nil {
		return nil, fmt.Errorf("%w: salt: %w", ErrCorrupt, err)
	}
	packKey, err := hkdf.Key(sha256.New, secret, rawSalt, sealInfo+function, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive the key of a pack: %w", err)
	}
	block, err := aes.NewCipher(packKey)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &sealer{aead: aead, function: function}, nil
}

// seal appends the encrypted frame to dst.
func (s *sealer) seal(dst, data []byte, f Frame) []byte {
	return s.aead.Seal(dst, s.nonce(f), data, s.context(f))
}

// open decrypts the frame in its place.
func (s *sealer) open(data []byte, f Frame) ([]byte, error) {
	return s.aead.Open(data[:0], s.nonce(f), data, s.context(f))
}

// nonce is the frame's number: no two frames are sealed with one key and one
// number.
func (s *sealer) nonce(f Frame) []byte {
	nonce := make([]byte, s.aead.NonceSize())
	binary.BigEndian.PutUint64(nonce[len(nonce)-8:], uint64(f.N))
	return nonce
}

// context is what a frame is bound to: everything that says what it is, but
// not where it lies, as frames are copied into other packs.
func (s *sealer) context(f Frame) []byte {
	kind := kindPage
	if f.Pages == 0 {
		kind = kindMeta
	}
	raw := []byte(sealContext + "\x00" + s.function + "\x00" + kind + "\x00")
	for _, n := range []int64{int64(f.N), int64(f.First), int64(f.Pages), f.Raw} {
		raw = binary.BigEndian.AppendUint64(raw, uint64(n))
	}
	return raw
}
