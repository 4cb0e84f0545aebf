package snapshot

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// numbered is the sum of a page of its own.
func numbered(n int) (s pageSum) {
	binary.LittleEndian.PutUint64(s[:], uint64(n+1))
	return s
}

func numberedPages(n int) []pageSum {
	sums := make([]pageSum, n)
	for i := range sums {
		sums[i] = numbered(i)
	}
	return sums
}

// testBase is a base of one file, whose page n has the sum numbered(n): as many
// pages of each pack as it has, in frames of framePages.
func testBase(packs ...int) *Base {
	b := &Base{function: "f", pages: map[pageSum]basePage{}}
	var runs []run
	n := 0
	for i, pages := range packs {
		ref := PackRef{ID: fmt.Sprint("p", i)}
		for first := 0; first < pages; first += framePages {
			ref.Frames = append(ref.Frames, Frame{N: len(ref.Frames), First: first, Pages: min(framePages, pages-first)})
		}
		b.packs = append(b.packs, ref)
		runs = append(runs, run{pages: pages, pack: i})
		n += pages
	}
	b.addRuns(numberedPages(n), runs)
	return b
}

func layOutWith(t *testing.T, b *Base, sums []pageSum, times timing) layout {
	t.Helper()
	images := [][]pageSum{sums}
	l, err := layOut(images, newSharing(b, b.Packs(), "f", "", images, times), bySum, times)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func stored(l layout) (pages []int) {
	for _, ref := range l.fresh {
		pages = append(pages, ref.page)
	}
	return pages
}

func TestNewPagesLieBesideThoseThatAreReadWithThem(t *testing.T) {
	b := testBase(256, 256) // the first half is its own
	sums := numberedPages(512)
	times := timing{slices.Repeat([]Time{Soon}, 512)}
	for i, page := range []int{10, 300, 11, 301, 302} {
		sums[page] = numbered(1000 + i)
	}
	times[0][11], times[0][301], times[0][302] = Late, Late, First
	l := layOutWith(t, b, sums, times)
	// First those that are needed first; of the others those that were not new in the base, those that were, and
	// the same of those that may come late.
	if diff := cmp.Diff([]int{302, 300, 10, 301, 11}, stored(l)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPagesThatChangeAreFoundWhereMemoryHasMoved(t *testing.T) {
	b := testBase(100, 100)
	old := numberedPages(200)
	grown := append(append(append([]pageSum{}, old[:50]...), numbered(1001), numbered(1002), numbered(1003)), old[50:]...)
	grown[70], grown[150] = numbered(2000), numbered(2001) // 67 and 147 of the base
	changing := b.changing([][]pageSum{grown})[0]
	for page, want := range map[int]bool{49: false, 50: true, 52: true, 69: false, 70: true, 150: false} {
		if changing[page] != want {
			t.Errorf("page %d changes: %t, want %t", page, changing[page], want)
		}
	}
	if none := (*Base)(nil).changing([][]pageSum{grown})[0]; len(none) != len(grown) || none[50] {
		t.Errorf("without a base: %v", none)
	}
}

func TestFewPagesOfAFrameAreStoredAgain(t *testing.T) {
	const size = framePages
	for claim, c := range map[string]struct {
		now, late int // pages of a frame that are still used
		again     int // that are stored again
	}{
		"half of it is needed at once":       {size / 2, size / 2, 0},
		"less is":                            {size/2 - 1, size/2 + 1, size/2 - 1},
		"less is, of few":                    {size/2 - 1, size / 4, size/2 - 1 + size/4},
		"a third is used, none at once":      {0, size/3 + 1, 0},
		"less is used":                       {0, size / 3, size / 3},
		"all that is used is needed at once": {size / 2, 0, 0},
	} {
		used := c.now + c.late
		times := timing{append(slices.Repeat([]Time{Soon}, c.now), slices.Repeat([]Time{Late}, c.late)...)}
		l := layOutWith(t, testBase(size), numberedPages(size)[:used], times)
		if len(l.fresh) != c.again || l.shared != used-c.again {
			t.Errorf("%s: %d pages are stored again and %d shared, want %d and %d", claim, len(l.fresh), l.shared, c.again, used-c.again)
		}
	}
}

func TestFewPacksAreReferredTo(t *testing.T) {
	l := layOutWith(t, testBase(200, 190, 180, 170, 160, 150, 140, 130), numberedPages(1320), nil)
	if len(l.packs) != maxShared || len(l.fresh) != 140+130 {
		t.Errorf("%d packs, %d pages stored again, want %d and those of the smallest packs", len(l.packs), len(l.fresh), maxShared)
	}
	const most = minShared * 10
	if l = layOutWith(t, testBase(most, 9), numberedPages(most+9), nil); len(l.packs) != 1 || len(l.fresh) != 9 {
		t.Errorf("%d packs, %d pages stored again, want 1, without the one that has few", len(l.packs), len(l.fresh))
	}
}
