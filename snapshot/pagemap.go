package snapshot

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"sort"

	"github.com/klauspost/compress/zstd"
)

const (
	// maxRuns bounds the runs of all page maps of a manifest, and maxMap the
	// bytes that one takes decompressed.
	maxRuns = 1 << 20
	maxMap  = 8 << 20
	// zero is the pack of pages that hold zeros only.
	zero = -1
)

// run is a number of pages that follow each other in an image and in a pack.
type run struct {
	pages int // at least 1
	pack  int // index into Manifest.Packs, or zero
	first int // number of the first page in the pack
}

// encodeMap returns the page map of an image. Each run is two or three varints:
// the number of pages; 0 for zeros, or the index of the pack plus 1; and how far
// the first page is from where the last run of that pack ended, in zigzag form.
func encodeMap(runs []run, c *codec) string {
	var raw []byte
	ends := map[int]int{}
	for _, r := range runs {
		raw = binary.AppendUvarint(raw, uint64(r.pages))
		raw = binary.AppendUvarint(raw, uint64(r.pack-zero))
		if r.pack != zero {
			raw = binary.AppendVarint(raw, int64(r.first-ends[r.pack]))
			ends[r.pack] = r.first + r.pages
		}
	}
	if len(raw) == 0 {
		return ""
	}
	return base64.StdEncoding.EncodeToString(c.compress(raw))
}

// decodeMap returns the runs of an image of so many pages, at most maxRuns. It
// takes nothing for granted.
func decodeMap(encoded string, pages int64, packs, maxRuns int) ([]run, error) {
	raw, err := unzipMap(encoded)
	if err != nil {
		return nil, err
	}
	r := mapReader{raw: raw, packs: packs, ends: map[int]int{}}
	runs := make([]run, 0, min(len(raw)/3, maxRuns)) // 3 bytes are what a run has at least, mostly
	for pages > 0 {
		next, err := r.next(pages)
		if err != nil {
			return nil, err
		}
		if len(runs) == maxRuns {
			return nil, errors.New("too many runs")
		}
		runs = append(runs, next)
		pages -= int64(next.pages)
	}
	if len(r.raw) > 0 {
		return nil, fmt.Errorf("%d bytes follow the last page", len(r.raw))
	}
	return runs, nil
}

// checkMapSizes makes sure that all maps together are no larger than one may
// be, before any is decompressed.
func checkMapSizes(files []PageFile) error {
	var sum uint64
	for _, p := range files {
		raw, err := base64.StdEncoding.Strict().DecodeString(p.Map)
		if err != nil {
			return fmt.Errorf("pages: %s: map: %w", p.Name, err)
		}
		size, err := zipSize(raw)
		if err != nil {
			return fmt.Errorf("pages: %s: map: %w", p.Name, err)
		}
		if sum += size; size > maxMap || sum > maxMap {
			return fmt.Errorf("pages: %s: map: more than %d bytes", p.Name, maxMap)
		}
	}
	return nil
}

func unzipMap(encoded string) ([]byte, error) {
	zipped, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return nil, err
	}
	size, err := zipSize(zipped)
	if err != nil || size == 0 {
		return nil, err
	}
	return newCodec().decompress(zipped, make([]byte, 0, min(size, maxMap)), int64(size))
}

// zipSize returns what size a zstd frame says that its contents have; no frame
// stands for no contents.
func zipSize(zipped []byte) (uint64, error) {
	if len(zipped) == 0 {
		return 0, nil
	}
	var h zstd.Header
	if err := h.Decode(zipped); err != nil {
		return 0, err
	}
	if !h.HasFCS || h.Skippable || h.FrameContentSize == 0 {
		return 0, errors.New("the zstd frame does not say how large its contents are")
	}
	return h.FrameContentSize, nil
}

// mapReader reads the varints of a page map.
type mapReader struct {
	raw   []byte
	packs int
	ends  map[int]int // where the last run of a pack ended
}

var errMapEnds = errors.New("it ends early or has an invalid number")

// next reads a run of at most so many pages.
func (r *mapReader) next(pages int64) (run, error) {
	count, ok := r.uvarint()
	kind, okKind := r.uvarint()
	switch {
	case !ok || !okKind:
		return run{}, errMapEnds
	case count == 0 || count > uint64(pages):
		return run{}, fmt.Errorf("a run of %d pages: want 1 to %d", count, pages)
	case kind > uint64(r.packs):
		return run{}, fmt.Errorf("a run in pack %d of %d", kind, r.packs)
	case kind == 0:
		return run{pages: int(count), pack: zero}, nil
	}
	return r.packRun(int(count), int(kind)+zero)
}

func (r *mapReader) packRun(pages, pack int) (run, error) {
	delta, n := binary.Varint(r.raw)
	if n <= 0 {
		return run{}, errMapEnds
	}
	r.raw = r.raw[n:]
	if delta < -maxPackPages || delta > maxPackPages {
		return run{}, fmt.Errorf("a run %d pages further", delta)
	}
	first := r.ends[pack] + int(delta)
	if first < 0 || first > maxPackPages-pages {
		return run{}, fmt.Errorf("a run of %d pages from page %d of a pack", pages, first)
	}
	r.ends[pack] = first + pages
	return run{pages: pages, pack: pack, first: first}, nil
}

func (r *mapReader) uvarint() (uint64, bool) {
	v, n := binary.Uvarint(r.raw)
	if n <= 0 {
		return 0, false
	}
	r.raw = r.raw[n:]
	return v, true
}

// spans are the page numbers that the frames of a pack hold, as ascending
// intervals [first, end) with gaps between them.
type spans []struct{ first, end int }

// spansOf takes frames that were checked.
func spansOf(frames []Frame) spans {
	var s spans
	for _, f := range frames {
		if n := len(s); n > 0 && s[n-1].end == f.First {
			s[n-1].end += f.Pages
			continue
		}
		s = append(s, struct{ first, end int }{f.First, f.First + f.Pages})
	}
	return s
}

// hold reports whether all of the pages are there.
func (s spans) hold(first, pages int) bool {
	i := sort.Search(len(s), func(i int) bool { return s[i].end > first })
	return i < len(s) && s[i].first <= first && first+pages <= s[i].end
}
