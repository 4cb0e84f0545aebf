package criu

import (
	"slices"
	"testing"
)

// picture is a page map as text: a letter for a page with content, '0' for one
// of zeros that is kept, '.' for one that is left out.
func picture(zero, kept []bool) string {
	var out []byte
	for i := range zero {
		switch {
		case !kept[i]:
			out = append(out, '.')
		case zero[i]:
			out = append(out, '0')
		default:
			out = append(out, 'x')
		}
	}
	return string(out)
}

func TestOnlyZerosThatWouldBeThereAnywayAreLeftOut(t *testing.T) {
	const base = 0x1000_0000
	at := func(page uint64) uint64 { return base + page*pageSize }
	for claim, test := range map[string]struct {
		pages string
		empty []span
		want  string
	}{
		"nothing without a mapping":      {"xx00000000xx", nil, "xx00000000xx"},
		"a run within a mapping":         {"xx00000000xx", []span{{at(0), at(12)}}, "xx........xx"},
		"all of a run":                   {"00000000", []span{{at(0), at(8)}}, "........"},
		"no short run":                   {"xx0000000xxx", []span{{at(0), at(12)}}, "xx0000000xxx"},
		"no content":                     {"xxxxxxxxxxxx", []span{{at(0), at(12)}}, "xxxxxxxxxxxx"},
		"the part in a mapping":          {"000000000000", []span{{at(2), at(11)}}, "00.........0"},
		"not a part that is short":       {"000000000000", []span{{at(5), at(12)}}, "000000000000"},
		"two mappings, each for itself":  {"0000000000000000", []span{{at(0), at(8)}, {at(8), at(12)}}, "........00000000"},
		"mappings elsewhere do not help": {"0000000000", []span{{0, base}, {at(10), at(20)}}, "0000000000"},
	} {
		zero := make([]bool, len(test.pages))
		for i, c := range test.pages {
			zero[i] = c == '0'
		}
		img := &pageImage{runs: []run{
			{address: base - pageSize, pages: 1}, // not present
			{address: base, pages: uint64(len(test.pages)), flags: flagPresent, at: 5},
		}}
		kept := img.leaveOut(test.empty, zero)
		if got := picture(zero, kept); got != test.want {
			t.Errorf("%s: got %s, want %s", claim, got, test.want)
		}
		checkRuns(t, claim, img, kept)
	}
}

// checkRuns makes sure that the runs are those of the pages that are kept.
func checkRuns(t *testing.T, claim string, img *pageImage, kept []bool) {
	t.Helper()
	got := make([]bool, len(kept))
	var bytes int64
	for _, r := range img.runs[1:] {
		first := (r.address - img.runs[0].address - pageSize) / pageSize
		if r.at != 5+int64(first)*pageSize || r.flags != flagPresent {
			t.Errorf("%s: the run of page %d is at %d of the stream, flags %x", claim, first, r.at, r.flags)
		}
		for i := range r.pages {
			got[first+i] = true
		}
		bytes += r.bytes()
	}
	if !slices.Equal(got, kept) || img.bytes != bytes {
		t.Errorf("%s: the runs have %v, %d bytes, kept is %v", claim, got, img.bytes, kept)
	}
}
