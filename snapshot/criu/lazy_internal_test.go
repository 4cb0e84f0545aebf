package criu

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/snapshot/userfault"
)

// lazyMap is a page map of process 7: two lazy pages, one that is not, a hole,
// and three lazy ones.
func lazyMap() snapshot.ImageFile {
	image := pageImage{destination: 7<<8 | destinationProcess, runs: []run{
		{address: 0x10000, pages: 2, flags: flagPresent | flagLazy},
		{address: 0x20000, pages: 1, flags: flagPresent},
		{address: 0x30000, pages: 4},
		{address: 0x40000, pages: 3, flags: flagPresent | flagLazy},
	}}
	return snapshot.ImageFile{Name: image.name(), Data: image.pagemap(1)}
}

func region(start, end uint64, offset int64) userfault.Region {
	return userfault.Region{Start: start, End: end, File: "pages-1.img", Offset: offset}
}

func TestWhatMayComeLaterIsInThePageMap(t *testing.T) {
	regions := []userfault.Region{region(0x10000, 0x12000, 0), region(0x40000, 0x43000, 3*pageSize)}
	for claim, c := range map[string]struct {
		touched string
		soon    []userfault.Region
	}{
		"nothing is known":              {"", nil},
		"of another process":            {"8 10000 11000\n", nil},
		"of no region":                  {"7 20000 21000\n", nil},
		"a part is touched":             {"7 41000 42000\n", []userfault.Region{region(0x41000, 0x42000, 4*pageSize)}},
		"more than there is is touched": {"7 1000 99000\n", regions},
		"in any order":                  {"7 41000 42000\n7 10000 11000\n", []userfault.Region{region(0x10000, 0x11000, 0), region(0x41000, 0x42000, 4*pageSize)}},
	} {
		files := []snapshot.ImageFile{lazyMap(), {Name: "pagemap-shmem-9.img", Data: []byte("not looked at")}}
		if c.touched != "" {
			files = append(files, snapshot.ImageFile{Name: touchedFile, Data: []byte(c.touched)})
		}
		got, _, err := laterOf(files, nil, true)
		if err != nil {
			t.Errorf("%s: %v", claim, err)
		}
		if diff := cmp.Diff([]userfault.Missing{{PID: 7, Regions: regions, Soon: c.soon}}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", claim, diff)
		}
	}
}

func TestProcessesMayGetAllOfTheirMemory(t *testing.T) {
	files := []snapshot.ImageFile{lazyMap(), {Name: touchedFile, Data: []byte("waits 3\n7 41000 42000\n")}}
	for _, all := range []bool{false, true} {
		got, _, err := laterOf(files, func(list []userfault.Missing, known Touches) bool {
			if known.Waits != 3 || len(list) != 1 || len(list[0].Soon) != 1 {
				t.Errorf("it is decided by %+v and %+v", list, known)
			}
			return all
		}, true)
		if err != nil {
			t.Fatal(err)
		}
		want := []userfault.Region{region(0x41000, 0x42000, 4*pageSize)}
		if all {
			want = got[0].Regions
		}
		if diff := cmp.Diff(want, got[0].Soon); diff != "" {
			t.Errorf("all of it: %t (-want +got):\n%s", all, diff)
		}
	}
}

func TestItIsSaidWhenPagesAreNeeded(t *testing.T) {
	const first, soon, late = snapshot.First, snapshot.Soon, snapshot.Late
	img := &snapshot.Image{
		Files: []snapshot.ImageFile{lazyMap()},
		Pages: []snapshot.ImagePages{{Name: "pages-1.img", Bytes: 6 * pageSize}},
	}
	untold, err := timesOf(img)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]snapshot.Time{{soon, soon, first, soon, soon, soon}}, untold); diff != "" {
		t.Errorf("nothing is known (-want +got):\n%s", diff)
	}
	AddTouches(img, Touches{Ranges: []userfault.Touched{{PID: 7, Start: 0x40000, End: 0x41000}, {PID: 7, Start: 0x41000, End: 0x42000}, {PID: 0, Start: 0, End: 0x99000}}})
	got, err := timesOf(img)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]snapshot.Time{{late, late, first, soon, soon, late}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBrokenPageMapsAreErrors(t *testing.T) {
	whole := lazyMap().Data
	overlapping := pageImage{runs: []run{{address: 0x10000, pages: 2, flags: flagPresent}, {address: 0x11000, pages: 1, flags: flagPresent}}}
	nowhere := pageImage{runs: []run{{address: 0x10001, pages: 1, flags: flagPresent}}}
	for claim, raw := range map[string][]byte{
		"empty": {}, "cut off": whole[:len(whole)-3], "runs overlap": overlapping.pagemap(1), "no page": nowhere.pagemap(1),
		"no number": append(binary.LittleEndian.AppendUint32(whole[:8:8], 2), 0xff, 0xff),
	} {
		if _, _, err := entriesOf(raw); err == nil {
			t.Errorf("%s: no error", claim)
		}
	}
}

func TestBrokenListsOfTouchedMemoryAreErrors(t *testing.T) {
	for _, list := range []string{"waits\n", "waits x\n", "waits -1\n", "\nwaits 1\n", "7 1000 2000\nwaits 1\n"} {
		if _, err := parseTouches(list); !errors.Is(err, errTouched) {
			t.Errorf("%q: got %v, want %v", list, err, errTouched)
		}
	}
	for _, list := range []string{"7\n", "7 1000\n", "x 1000 2000\n", "0 1000 2000\n", "7 1001 2000\n", "7 2000 1000\n", "7 1000 2000 3000\n", "\n", "7 1000 2000\r\n"} {
		if _, err := parseTouches("waits 1\n" + list); !errors.Is(err, errTouched) {
			t.Errorf("%q: got %v, want %v", list, err, errTouched)
		}
	}
}

func FuzzTouched(f *testing.F) {
	f.Add("waits 0\n7 1000 2000\n7 2000 3000\n")
	f.Add("waits 12\n1 0 ffffffffffff000\n")
	f.Fuzz(func(t *testing.T, text string) {
		touches, err := parseTouches(text)
		if err != nil {
			return
		}
		img := &snapshot.Image{}
		AddTouches(img, touches)
		if len(touches.Ranges) == 0 {
			return
		}
		again, err := parseTouches(string(img.Files[0].Data))
		if diff := cmp.Diff(touches, again); err != nil || diff != "" {
			t.Errorf("written and read again: %v\n%s", err, diff)
		}
	})
}

func FuzzPageMap(f *testing.F) {
	f.Add(lazyMap().Data, uint64(0x20000), uint64(0x21000))
	f.Fuzz(func(t *testing.T, raw []byte, start, end uint64) {
		entries, _, err := entriesOf(raw)
		if err != nil {
			return
		}
		var some []userfault.Region
		var pages uint64
		for i, e := range entries {
			pages += (e.End - e.Start) / pageSize
			if e.End <= e.Start || e.Offset < 0 || i > 0 && e.Start < entries[i-1].End {
				t.Errorf("entry %d is %+v", i, e)
			}
			if part := e.Between(start&^(pageSize-1), end&^(pageSize-1)); e.present() && part.Start < part.End {
				some = append(some, part)
			}
		}
		if pages > 1<<12 { // they are all looked at
			return
		}
		marked, err := withLazy(raw, some)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(pageFlags(entries, some), pageFlags(mustEntries(t, marked), nil)); diff != "" {
			t.Errorf("a page map with %v lazy (-want +got):\n%s", some, diff)
		}
	})
}

func mustEntries(t *testing.T, raw []byte) []entry {
	t.Helper()
	entries, _, err := entriesOf(raw)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// pageFlags are the flags of the pages of entries, by their addresses, of which some
// are lazy.
func pageFlags(entries []entry, lazy []userfault.Region) map[uint64]uint32 {
	flags := map[uint64]uint32{}
	for _, e := range entries {
		for page := e.Start; page < e.End; page += pageSize {
			flags[page] = e.flags
		}
	}
	for _, r := range lazy {
		for page := range flags {
			if r.Start <= page && page < r.End {
				flags[page] |= flagLazy
			}
		}
	}
	return flags
}
