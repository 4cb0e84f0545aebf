package snapshot

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// spillFrom is how much of a pack is held in memory, in bytes: the pack of an
// image of some 400 MB. The rest goes into a temporary file without a name.
const spillFrom = 64 << 20

// spool holds a pack between packing and sending, as S3 wants to know its size
// first, and a try that failed is repeated.
type spool struct {
	blobs [][]byte
	held  int64 // bytes in blobs
	limit int64 // of held
	file  *os.File
	size  int64 // of all
}

func newSpool() *spool { return &spool{limit: spillFrom} }

// add appends a blob, which is not changed any more.
func (s *spool) add(blob []byte) error {
	if s.file == nil && s.held+int64(len(blob)) <= s.limit {
		s.blobs = append(s.blobs, blob)
		s.held += int64(len(blob))
		s.size = s.held
		return nil
	}
	if err := s.spill(); err != nil {
		return fmt.Errorf("put the pack into a temporary file: %w", err)
	}
	if _, err := s.file.Write(blob); err != nil {
		return fmt.Errorf("put the pack into a temporary file: %w", err)
	}
	s.size += int64(len(blob))
	return nil
}

func (s *spool) spill() error {
	if s.file != nil {
		return nil
	}
	f, err := os.CreateTemp("", "pronghorn-pack-")
	if err != nil {
		return err
	}
	s.file = f
	return os.Remove(f.Name())
}

func (s *spool) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// open returns a reader of everything from its beginning.
func (s *spool) open() (body, error) {
	r := &spoolReader{blobs: s.blobs, left: s.size}
	if s.file != nil {
		r.rest = io.NewSectionReader(s.file, 0, s.size-s.held)
	}
	return r, nil
}

// spoolReader reads a spool; it is a body.
type spoolReader struct {
	blobs [][]byte
	at    int // in blobs[0]
	rest  io.Reader
	left  int64
}

func (r *spoolReader) Len() int { return int(r.left) }

func (r *spoolReader) Read(p []byte) (n int, err error) {
	for len(r.blobs) > 0 && n < len(p) {
		c := copy(p[n:], r.blobs[0][r.at:])
		n, r.at = n+c, r.at+c
		if r.at == len(r.blobs[0]) {
			r.blobs, r.at = r.blobs[1:], 0
		}
	}
	if n == 0 && r.rest != nil && len(p) > 0 {
		n, err = r.rest.Read(p)
		if errors.Is(err, io.EOF) && r.left > int64(n) {
			err = io.ErrUnexpectedEOF
		}
	}
	r.left -= int64(n)
	if n == 0 && err == nil && len(p) > 0 {
		err = io.EOF
	}
	return n, err
}

func (r *spoolReader) Close() error { return nil }
