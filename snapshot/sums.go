package snapshot

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
)

const (
	// chunkSize is how much of a pack is read, hashed and written at a time, in
	// bytes: large enough to make the goroutine per chunk cheap.
	chunkSize = 1 << 20
	// parallelFrom is the chunk size from which a goroutine pays.
	parallelFrom = 64 << 10
)

// sums hashes a file and the pack that it lies in side by side.
type sums struct{ whole, file hash.Hash }

func newSums() sums { return sums{whole: sha256.New(), file: sha256.New()} }

// write hashes a chunk of the current file and writes it to w. The two sums
// are independent, so a large chunk is hashed on two cores.
func (s sums) write(chunk []byte, w io.Writer) error {
	if len(chunk) < parallelFrom {
		s.whole.Write(chunk)
		return s.writeFile(chunk, w)
	}
	hashed := make(chan struct{})
	go func() {
		defer close(hashed)
		s.whole.Write(chunk)
	}()
	err := s.writeFile(chunk, w)
	<-hashed // the caller uses the chunk's memory again
	return err
}

func (s sums) writeFile(chunk []byte, w io.Writer) error {
	s.file.Write(chunk) // never fails, as hash.Hash promises
	_, err := w.Write(chunk)
	return err
}

// endFile returns the sum of the current file and starts the next.
func (s sums) endFile() string {
	sum := hexSum(s.file)
	s.file.Reset()
	return sum
}

func hexSum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

func sha256Hex(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

func validSHA256(s string) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == sha256.Size && hex.EncodeToString(raw) == s
}
