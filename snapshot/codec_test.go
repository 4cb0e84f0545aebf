package snapshot

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
)

// randomRuns returns the runs of an image of so many pages.
func randomRuns(r *rand.Rand, pages int) []run {
	var runs []run
	for pages > 0 {
		n := 1 + r.IntN(pages)
		next := run{pages: n, pack: r.IntN(4) + zero}
		if next.pack != zero {
			next.first = r.IntN(maxPackPages - n)
		}
		runs = append(runs, next)
		pages -= n
	}
	return runs
}

func TestAPageMapSurvivesEncoding(t *testing.T) {
	c, r := newCodec(), rand.New(rand.NewPCG(1, 2))
	for range 200 {
		pages := r.IntN(10000)
		want := randomRuns(r, pages)
		got, err := decodeMap(encodeMap(want, c), int64(pages), 3, maxRuns)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%d runs, want %d, or others", len(got), len(want))
		}
	}
}

func TestAPageMapOfATypicalImageIsSmall(t *testing.T) {
	c := newCodec()
	var runs []run
	for i := range 1000 { // 8 pages each: new ones, shared ones, zeros
		runs = append(runs, run{pages: 8, pack: i%3 + zero, first: i % 3 * i * 8})
	}
	if n := len(encodeMap(runs, c)); n > 6000 {
		t.Errorf("%d bytes for 1000 runs", n)
	}
}

func TestTooManyRunsAreRefused(t *testing.T) {
	runs := slices.Repeat([]run{{pages: 1, pack: zero}, {pages: 1, pack: 0, first: 3}}, 100)
	m := encodeMap(runs, newCodec())
	if _, err := decodeMap(m, 200, 1, 199); err == nil {
		t.Error("no error")
	}
	if _, err := decodeMap(m, 200, 1, 200); err != nil {
		t.Error(err)
	}
}

// FuzzPageMap: whatever is decoded is within its bounds and means the same when
// it is encoded again.
func FuzzPageMap(f *testing.F) {
	c := newCodec()
	f.Add(encodeMap([]run{{pages: 3, pack: zero}, {pages: 4, pack: 0, first: 9}, {pages: 1, pack: 2, first: 5}}, c), int64(8))
	f.Add("", int64(0))
	f.Add("KLUv/SAA", int64(1))
	f.Fuzz(func(t *testing.T, encoded string, pages int64) {
		pages = min(max(pages, 0), maxPackPages)
		runs, err := decodeMap(encoded, pages, 3, 1000)
		if err != nil {
			return
		}
		var sum int64
		for _, r := range runs {
			if r.pages < 1 || r.pack < zero || r.pack > 2 || r.first < 0 || r.first > maxPackPages-r.pages {
				t.Fatalf("run %+v", r)
			}
			sum += int64(r.pages)
		}
		again, err := decodeMap(encodeMap(runs, c), pages, 3, 1000)
		if sum != pages || err != nil || !slices.Equal(runs, again) {
			t.Fatalf("%d pages of %d, %v", sum, pages, err)
		}
	})
}

// FuzzUnpackFrame: bytes that are no frame are ErrCorrupt, whatever they are.
func FuzzUnpackFrame(f *testing.F) {
	c := newCodec()
	f.Add(c.compress(make([]byte, PageSize)), 1)
	f.Add(c.compress([]byte("four")), 0)
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, 256)
	keys, err := parseKeyring("k " + "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
	if err != nil {
		f.Fatal(err)
	}
	s, _, _, err := newSealer(keys, "fn")
	if err != nil {
		f.Fatal(err)
	}
	buf := make([]byte, maxFrameRaw)
	f.Fuzz(func(t *testing.T, stored []byte, pages int) {
		frame := Frame{Pages: min(max(pages, 0), maxFramePages), Raw: 4}
		if frame.Pages > 0 {
			frame.Raw = int64(frame.Pages) * PageSize
		}
		raw, err := framer{codec: c}.unpack(frame, bytes.Clone(stored), buf)
		if err == nil && int64(len(raw)) != frame.Raw || err != nil && !errors.Is(err, ErrCorrupt) {
			t.Errorf("%d bytes, %v", len(raw), err)
		}
		if _, err := (framer{c, s}).unpack(frame, bytes.Clone(stored), buf); !errors.Is(err, ErrCorrupt) {
			t.Errorf("sealed: %v, want ErrCorrupt", err)
		}
	})
}

// FuzzFrameRange: reading a range never reads beyond a frame or the range.
func FuzzFrameRange(f *testing.F) {
	f.Add([]byte("some bytes of a pack"), uint8(3), uint8(5))
	f.Fuzz(func(t *testing.T, body []byte, gap, size uint8) {
		frames := []Frame{{N: 1, Offset: 10, Bytes: int64(size)}, {N: 2, Offset: 10 + int64(size) + int64(gap), Bytes: int64(size)}}
		for _, r := range rangesOf(frames) {
			seen := 0
			err := r.each(bytes.NewReader(body), func(f Frame) []byte { return make([]byte, f.Bytes) }, func(f Frame, stored []byte) error {
				at := f.Offset - r.offset
				if !bytes.Equal(stored, body[at:at+f.Bytes]) {
					t.Errorf("frame %d has other bytes", f.N)
				}
				seen++
				return nil
			})
			if whole := int64(len(body)) >= r.bytes; whole != (err == nil) || whole && seen != len(r.frames) {
				t.Errorf("%d frames of %d, %v", seen, len(r.frames), err)
			}
		}
	})
}
