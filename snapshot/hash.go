package snapshot

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
)

// hashPages is how many pages are read and hashed at a time.
const hashPages = 64

// pageSum is the SHA-256 of a page, or a quick sum, but for that of a page of
// zeros, which is the zero value. What is compared has sums of the same kind.
type pageSum [sha256.Size]byte

// sumPages returns the sums of all pages of an image, 32 bytes for each.
func sumPages(ctx context.Context, p ImagePages, workers int) ([]pageSum, error) {
	sums := make([]pageSum, p.Bytes/PageSize)
	chunks := (len(sums) + hashPages - 1) / hashPages
	err := inBackground(ctx, chunks, workers, func() func(int) error {
		buf := make([]byte, hashPages*PageSize)
		return func(i int) error {
			part := sums[i*hashPages : min((i+1)*hashPages, len(sums))]
			if err := readPages(p, i*hashPages, buf[:len(part)*PageSize]); err != nil {
				return err
			}
			sumWith(strongSum, part, buf)
			return nil
		}
	})
	return sums, err
}

func strongSum(page []byte) pageSum { return sha256.Sum256(page) }

// sumWith sums pages, but for those of zeros.
func sumWith(sum func(page []byte) pageSum, sums []pageSum, pages []byte) {
	for i := range sums {
		if page := pages[i*PageSize : (i+1)*PageSize]; !isZero(page) {
			sums[i] = sum(page)
		}
	}
}

// readPages fills buf with the pages of an image from the first on.
func readPages(p ImagePages, first int, buf []byte) error {
	n, err := p.Reader.ReadAt(buf, int64(first)*PageSize)
	if n == len(buf) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = errChanged
	}
	return fmt.Errorf("read image %s: %w", p.Name, err)
}

// isZero reports whether data, of which there is some, are all zeros.
func isZero(data []byte) bool { return data[0] == 0 && bytes.Equal(data[1:], data[:len(data)-1]) }
