package userfault

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// page n of the process is at n pages, and at n - 100 pages of the file.
func pages(from, to uint64) Region {
	return Region{Start: from * PageSize, End: to * PageSize, File: "f", Offset: int64(from-100) * PageSize}
}

func moved(r Region, by uint64) Region {
	r.Start, r.End = r.Start+by*PageSize, r.End+by*PageSize
	return r
}

func TestRegions(t *testing.T) {
	all := func() regions { return regions{pages(100, 110), pages(120, 130), pages(130, 140)} }
	at := func(page uint64) uint64 { return page * PageSize }
	for claim, c := range map[string]struct{ got, want regions }{
		"nothing is taken out beside them":       {all().without(at(110), at(120)), all()},
		"one is taken out as a whole":            {all().without(at(120), at(130)), regions{pages(100, 110), pages(130, 140)}},
		"one is cut at its end":                  {all().without(at(105), at(115)), regions{pages(100, 105), pages(120, 130), pages(130, 140)}},
		"one falls apart":                        {all().without(at(124), at(126)), regions{pages(100, 110), pages(120, 124), pages(126, 130), pages(130, 140)}},
		"several are taken out":                  {all().without(at(101), at(139)), regions{pages(100, 101), pages(139, 140)}},
		"parts lie within":                       {all().within(Region{Start: at(108), End: at(122)}), regions{pages(108, 110), pages(120, 122)}},
		"none lies within":                       {all().within(Region{Start: at(110), End: at(120)}), nil},
		"what moves keeps its contents":          {all().moved(at(125), at(200), 10*PageSize), regions{pages(100, 110), pages(120, 125), pages(135, 140), moved(pages(125, 130), 75), moved(pages(130, 135), 75)}},
		"what was where it moves to is gone":     {all().moved(at(100), at(125), 10*PageSize), regions{pages(120, 125), moved(pages(100, 110), 25), pages(135, 140)}},
		"others are put in their place":          {all().with([]Region{pages(112, 114), pages(116, 118)}), regions{pages(100, 110), pages(112, 114), pages(116, 118), pages(120, 130), pages(130, 140)}},
		"there are no others":                    {all().with(nil), all()},
		"nothing moves":                          {all().moved(at(50), at(60), PageSize), all()},
		"what is missing of a part is not moved": {all().moved(at(115), at(215), 10*PageSize), regions{pages(100, 110), pages(125, 130), pages(130, 140), moved(pages(120, 125), 100)}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", claim, diff)
		}
	}
}

func TestGapsLieBetweenRegions(t *testing.T) {
	all := regions{pages(100, 110), pages(120, 130)}
	for _, c := range []struct{ page, from, to, start, end uint64 }{
		{115, 0, 1000, 110, 120},
		{115, 112, 118, 112, 118},
		{50, 40, 1000, 40, 100},
		{500, 0, 600, 130, 600},
	} {
		start, end := all.gap(c.page*PageSize, c.from*PageSize, c.to*PageSize)
		if start != c.start*PageSize || end != c.end*PageSize {
			t.Errorf("around page %d within %d to %d: %d to %d, want %d to %d", c.page, c.from, c.to, start/PageSize, end/PageSize, c.start, c.end)
		}
	}
}
