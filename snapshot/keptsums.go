package snapshot

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/pronghorn-faas/pronghorn/internal/background"
)

// sumsFile lies beside the files of a kept image; theirs do not start with a '.'.
const sumsFile = ".sums"

const (
	sumBytes = 8
	// sumPart is what is checked at a time, in bytes.
	sumPart = 1 << 20
	// sumRead is how much is read at a time: what stays in a CPU's own cache.
	sumRead = 128 << 10
)

// errDamaged says that a kept image is not what was kept.
var errDamaged = errors.New("the kept image is damaged")

// block is a part of a file of an image. There is a sum of each of its pages, of
// which the last one of a file may be shorter.
type block struct {
	file  int // index into Manifest.fileNames
	at    int64
	bytes int64
	first int // of its sums among all of the image
}

func (b block) sums() int { return pagesFor(b.bytes) }

// pagesFor is how many pages so many bytes take.
func pagesFor(bytes int64) int { return int((bytes + PageSize - 1) / PageSize) }

// blocksOf cuts the files of an image, in the order of the manifest.
func blocksOf(m Manifest) []block {
	var blocks []block
	first := 0
	for file, size := range m.fileSizes() {
		for at := int64(0); at < size; at += sumPart {
			b := block{file, at, min(sumPart, size-at), first}
			blocks, first = append(blocks, b), first+b.sums()
		}
	}
	return blocks
}

// sumsIn is how many sums there are of an image.
func sumsIn(m Manifest) int {
	n := 0
	for _, size := range m.fileSizes() {
		n += pagesFor(size)
	}
	return n
}

// fileSizes are those of Manifest.fileNames, in bytes.
func (m Manifest) fileSizes() []int64 {
	sizes := make([]int64, 0, len(m.Files)+len(m.Pages))
	for _, f := range m.Files {
		sizes = append(sizes, f.Bytes)
	}
	for _, p := range m.Pages {
		sizes = append(sizes, p.Bytes)
	}
	return sizes
}

// summer sums blocks, with a buffer of its own.
type summer struct{ buf []byte }

func newSummer() *summer { return &summer{make([]byte, sumRead)} }

// sum reads a block and appends the sums of its pages.
func (s *summer) sum(sums []uint64, f io.ReaderAt, b block) ([]uint64, error) {
	err := s.read(f, b, func(_ int64, data []byte) error {
		sums = appendSums(sums, data)
		return nil
	})
	return sums, err
}

func appendSums(sums []uint64, data []byte) []uint64 {
	for page := range slices.Chunk(data, PageSize) {
		sums = append(sums, xxhash.Sum64(page))
	}
	return sums
}

// read reads a block and hands its bytes on as they come.
func (s *summer) read(f io.ReaderAt, b block, each func(at int64, data []byte) error) error {
	for at := b.at; at < b.at+b.bytes; at += sumRead {
		data := s.buf[:min(sumRead, b.at+b.bytes-at)]
		if n, err := f.ReadAt(data, at); n < len(data) {
			return fmt.Errorf("%w: read at %d: %w", errDamaged, at, err)
		}
		if err := each(at, data); err != nil {
			return err
		}
	}
	return nil
}

// copyImage copies an image into a directory of the cache, with its sums.
func (c *Cache) copyImage(ctx context.Context, m Manifest, sum string, from original, to string) error {
	dst, err := c.root.OpenRoot(to)
	if err != nil {
		return err
	}
	defer dst.Close()
	sums := make([]uint64, 0, sumsIn(m))
	s, sizes := newSummer(), m.fileSizes()
	for i, name := range m.fileNames() {
		if sums, err = s.copyFile(ctx, sums, from, dst, name, sizes[i]); err != nil {
			return err
		}
	}
	return dst.WriteFile(sumsFile, encodeSums(sums, sum), 0o600)
}

// copyFile copies a file and appends its sums; larger pieces of zeros become
// holes.
func (s *summer) copyFile(ctx context.Context, sums []uint64, from original, dst *os.Root, name string, size int64) (_ []uint64, err error) {
	in, err := from.open(name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	out, err := dst.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if err := out.Truncate(size); err != nil {
		return nil, err
	}
	known, isKnown := from.sums[name]
	for at := int64(0); at < size; at += sumPart {
		began := time.Now()
		err = s.read(in, block{at: at, bytes: min(sumPart, size-at)}, func(at int64, data []byte) error {
			if !isKnown {
				sums = appendSums(sums, data)
			}
			if isZero(data) {
				return ctx.Err()
			}
			_, err := out.WriteAt(data, at)
			return errors.Join(err, ctx.Err())
		})
		if err != nil {
			return nil, err
		}
		background.Rest(min(time.Since(began), mostRest))
		background.Turn()
	}
	return append(sums, known...), nil
}

// encodeSums ends with a sum of them and of the manifest that they are for.
func encodeSums(sums []uint64, manifestSHA256 string) []byte {
	raw := make([]byte, 0, (len(sums)+1)*sumBytes)
	for _, sum := range sums {
		raw = binary.LittleEndian.AppendUint64(raw, sum)
	}
	return binary.LittleEndian.AppendUint64(raw, sumOfSums(raw, manifestSHA256))
}

func sumOfSums(raw []byte, manifestSHA256 string) uint64 {
	d := xxhash.New()
	_, _ = d.WriteString(manifestSHA256) // never fails, and is always as long
	_, _ = d.Write(raw)
	return d.Sum64()
}

// readSums reads n sums.
func readSums(kept *os.Root, n int, manifestSHA256 string) ([]uint64, error) {
	raw := make([]byte, (n+1)*sumBytes)
	f, err := openKept(kept, sumsFile, int64(len(raw)))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := io.ReadFull(f, raw); err != nil {
		return nil, err
	}
	sums := make([]uint64, n+1)
	for i := range sums {
		sums[i] = binary.LittleEndian.Uint64(raw[i*sumBytes:])
	}
	if sums[n] != sumOfSums(raw[:n*sumBytes], manifestSHA256) {
		return nil, fmt.Errorf("%w: %s", errDamaged, sumsFile)
	}
	return sums[:n], nil
}

// openKept opens a file of an image, which must be a file and so large.
func openKept(dir *os.Root, name string, size int64) (*os.File, error) {
	info, err := dir.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() != size {
		return nil, fmt.Errorf("%w: %s: %v of %d bytes", errDamaged, name, info.Mode(), info.Size())
	}
	return dir.Open(name)
}

// checkImage compares the files of an image with the sums that were kept of
// them.
func checkImage(ctx context.Context, dir *os.Root, m Manifest, manifestSHA256 string) (err error) {
	blocks := blocksOf(m)
	sums, err := readSums(dir, sumsIn(m), manifestSHA256)
	if err != nil {
		return err
	}
	files := make([]*os.File, 0, len(m.Files)+len(m.Pages))
	defer func() {
		for _, f := range files {
			_ = f.Close()
		}
	}()
	sizes := m.fileSizes()
	for i, name := range m.fileNames() {
		f, err := openKept(dir, name, sizes[i])
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	return parallel(ctx, len(blocks), workers(), func() func(int) error {
		s, got := newSummer(), make([]uint64, 0, sumPart/PageSize)
		return func(i int) (err error) {
			b := blocks[i]
			got, err = s.sum(got[:0], files[b.file], b)
			if err == nil && !slices.Equal(got, sums[b.first:b.first+b.sums()]) {
				err = fmt.Errorf("%w: %s", errDamaged, files[b.file].Name())
			}
			return err
		}
	})
}
