package snapshot

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
)

// part is what of one pack an image needs.
type part struct {
	PackRef
	frames []Frame         // those that are needed, ascending
	pieces map[int][]piece // of the frames, by their numbers
}

// partsOf says for every frame where its contents belong. The manifest was
// checked. Parts are in the order in which they are best asked for, where not all can
// be at a time: the snapshot's own, which has the files without pages, and then the
// largest, which take longest, and which probably have what is needed first.
func partsOf(m Manifest) ([]part, error) {
	parts := make([]part, len(m.Packs))
	for i, p := range m.Packs {
		parts[i] = part{PackRef: p, pieces: map[int][]piece{}}
	}
	for i, p := range m.Pages {
		runs, err := decodeMap(p.Map, p.Bytes/PageSize, len(m.Packs), maxRuns)
		if err != nil {
			return nil, fmt.Errorf("%w: pages: %s: map: %w", ErrCorrupt, p.Name, err)
		}
		addRuns(parts, int32(len(m.Files)+i), runs)
	}
	addMeta(&parts[0], m)
	for i := range parts {
		parts[i].choose(m.packFrames(i))
	}
	slices.SortStableFunc(parts[1:], func(a, b part) int { return cmp.Compare(b.bytes(), a.bytes()) })
	return parts, nil
}

// packFrames returns all frames of the pack i that the manifest lists.
func (m Manifest) packFrames(i int) []Frame {
	if i > 0 {
		return m.Packs[i].Frames
	}
	return append(append([]Frame(nil), m.Meta...), m.Packs[0].Frames...)
}

func addRuns(parts []part, file int32, runs []run) {
	page := 0
	for _, r := range runs {
		if r.pack != zero {
			parts[r.pack].add(file, page, r)
		}
		page += r.pages
	}
}

// add splits a run, which begins at a page of a file, by frames.
func (p *part) add(file int32, page int, r run) {
	i := sort.Search(len(p.Frames), func(i int) bool { return p.Frames[i].First+p.Frames[i].Pages > r.first })
	for ; r.pages > 0; i++ {
		f := p.Frames[i]
		n := min(r.pages, f.First+f.Pages-r.first)
		p.pieces[f.N] = append(p.pieces[f.N], piece{
			file: file, from: int32((r.first - f.First) * PageSize), bytes: int32(n * PageSize), at: int64(page) * PageSize,
		})
		page, r.first, r.pages = page+n, r.first+n, r.pages-n
	}
}

// addMeta adds the pieces of the files that hold no pages.
func addMeta(p *part, m Manifest) {
	file, at := 0, int64(0)
	for _, f := range m.Meta {
		for from := int64(0); from < f.Raw; {
			for at == m.Files[file].Bytes {
				file, at = file+1, 0
			}
			n := min(f.Raw-from, m.Files[file].Bytes-at)
			p.pieces[f.N] = append(p.pieces[f.N], piece{file: int32(file), from: int32(from), bytes: int32(n), at: at})
			from, at = from+n, at+n
		}
	}
}

// choose takes those of the frames that are needed.
func (p *part) choose(frames []Frame) {
	for _, f := range frames {
		if len(p.pieces[f.N]) > 0 {
			p.frames = append(p.frames, f)
		}
	}
}

// bytes is what the frames have as they are stored.
func (p *part) bytes() (n int64) {
	for _, f := range p.frames {
		n += f.Bytes
	}
	return n
}

// isMeta reports whether a frame has no pages.
func (p *part) isMeta(f Frame) bool { return f.Pages == 0 }
