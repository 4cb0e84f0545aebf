package criu

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/snapshot/userfault"
)

// A huge page takes the place of small ones if so much of it has contents and so
// much is touched soon, in bytes: with less it would make the process larger, or
// cost more than it saves.
const (
	leastDense = userfault.HugeSize / 8 * 7
	leastSoon  = userfault.HugeSize / 8
)

// early says what kinds of memory a process can get from us before it runs,
// besides what the kernel tells of: to have CRIU read it costs a page fault each.
type early struct {
	mappings map[string][]mapping // by the name of a page map
	huge     bool                 // huge pages are allowed
}

// earlyIn finds that out for an image. A process that was forked by another of the
// image shares memory with it, which CRIU knows best how to restore.
func earlyIn(files []snapshot.ImageFile, huge bool) (e early, err error) {
	processes := 0
	for _, f := range files {
		if _, is := processOf(f.Name); is {
			processes++
		}
	}
	if processes > 1 {
		return e, nil
	}
	e.huge = huge
	e.mappings, err = mappingsOf(files)
	return e, err
}

// addTo completes what is missing of a process, by what its page map says.
func (e early) addTo(m *userfault.Missing, entries []entry) {
	mappings := e.mappings[pagemapOf(m.PID)]
	files := spansOf(mappings, isWritableFile)
	for _, x := range entries {
		if !x.present() || x.lazy() {
			continue
		}
		for _, s := range files {
			if r := x.Between(s.start, s.end); r.Start < r.End {
				m.Written = append(m.Written, r)
			}
		}
	}
	if e.huge {
		m.Huge = dense(spansOf(mappings, mayBeHuge), m.Regions, m.Soon)
	}
}

// dense returns which huge pages within the spans are worth it.
func dense(within []span, regions, soon []userfault.Region) (starts []uint64) {
	contents, touched := byHugePage(regions), byHugePage(soon)
	for start, n := range touched {
		inside := slices.ContainsFunc(within, func(s span) bool { return s.start <= start && start+userfault.HugeSize <= s.end })
		if inside && n >= leastSoon && contents[start] >= leastDense {
			starts = append(starts, start)
		}
	}
	slices.Sort(starts)
	return starts
}

// byHugePage returns how many bytes of the regions are in each huge page.
func byHugePage(regions []userfault.Region) map[uint64]uint64 {
	bytes := map[uint64]uint64{}
	for _, r := range regions {
		for at := r.Start; at < r.End; {
			page := at &^ (userfault.HugeSize - 1)
			next := min(page+userfault.HugeSize, r.End)
			bytes[page] += next - at
			at = next
		}
	}
	return bytes
}

// asidePrefix begins the name of a page map that is put aside.
const asidePrefix = "pronghorn-aside-"

// leaveToUs has CRIU not read what we write, which it takes for memory that comes
// later: it goes by the page map in dir alone, which is replaced until undo is
// called. The images in dir may be links to files of others.
func leaveToUs(dir string, later []userfault.Missing) (undo func() error, err error) {
	var undos []func() error
	undo = func() (err error) {
		for _, u := range undos {
			err = errors.Join(err, u())
		}
		return err
	}
	for _, m := range later {
		if len(m.Written) == 0 {
			continue
		}
		pagemap := pagemapOf(m.PID)
		name, aside := filepath.Join(dir, pagemap), filepath.Join(dir, asidePrefix+pagemap)
		raw, err := os.ReadFile(name)
		if err == nil {
			raw, err = withLazy(raw, m.Written)
		}
		if err == nil {
			err = os.Rename(name, aside)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", name, err), undo())
		}
		undos = append(undos, func() error { return os.Rename(aside, name) })
		if err := os.WriteFile(name, raw, 0o600); err != nil {
			return nil, errors.Join(err, undo())
		}
	}
	return undo, nil
}

// withLazy returns a page map in which the regions, in the order of their
// addresses, are lazy.
func withLazy(pagemap []byte, regions []userfault.Region) ([]byte, error) {
	entries, id, err := entriesOf(pagemap)
	if err != nil {
		return nil, err
	}
	var image pageImage
	add := func(r userfault.Region, flags uint32) {
		if r.Start < r.End {
			image.runs = append(image.runs, run{address: r.Start, pages: (r.End - r.Start) / pageSize, flags: flags})
		}
	}
	for _, x := range entries {
		for len(regions) > 0 && regions[0].Start < x.End {
			r := x.Between(regions[0].Start, regions[0].End)
			add(x.Between(x.Start, r.Start), x.flags)
			add(r, x.flags|flagLazy)
			x.Region = x.Between(r.End, x.End)
			regions = regions[1:]
		}
		add(x.Region, x.flags)
	}
	return image.pagemap(id), nil
}
