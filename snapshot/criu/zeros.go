package criu

import (
	"slices"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// leastZeros is how many pages of zeros must follow each other to be left out:
// each run of pages is an entry in a page map, and a copy of its own in a
// restore.
const leastZeros = 8

// leaveOutZeros is snapshot.Image's, of an image whose pages are in a stream.
func (s *stream) leaveOutZeros(img *snapshot.Image, content *store) func(zero [][]bool) ([][]bool, error) {
	return func(zero [][]bool) ([][]bool, error) {
		mappings, err := mappingsOf(img.Files)
		if err != nil {
			return nil, err
		}
		kept := make([][]bool, len(img.Pages))
		for n, of := range s.images {
			id := n + 1
			i := slices.IndexFunc(img.Pages, func(p snapshot.ImagePages) bool { return p.Name == pagesName(id) })
			kept[i] = of.leaveOut(spansOf(mappings[of.name()], startsEmpty), zero[i])
			img.Pages[i] = of.pages(id, content)
			f := slices.IndexFunc(img.Files, func(f snapshot.ImageFile) bool { return f.Name == of.name() })
			img.Files[f].Data = of.pagemap(id)
		}
		return kept, nil
	}
}

// leaveOut takes runs of zeros out of a page map where that makes no difference.
// It returns which of the pages are left.
func (i *pageImage) leaveOut(empty []span, zero []bool) (kept []bool) {
	var runs []run
	kept = slices.Repeat([]bool{true}, len(zero))
	page := 0
	for _, r := range i.runs {
		if !r.present() {
			runs = append(runs, r)
			continue
		}
		n := int(r.pages)
		r.spare(empty, zero[page:page+n], kept[page:page+n])
		runs = append(runs, r.split(kept[page:page+n])...)
		page += n
	}
	i.runs, i.bytes = runs, 0
	for _, r := range runs {
		i.bytes += r.bytes()
	}
	return kept
}

// spare marks what need not be kept of a run.
func (r run) spare(empty []span, zero, kept []bool) {
	for from := 0; from < len(zero); {
		if !zero[from] {
			from++
			continue
		}
		to := from + 1
		for to < len(zero) && zero[to] {
			to++
		}
		for _, s := range empty {
			first, end := r.pagesIn(s, from, to)
			if end-first >= leastZeros {
				clear(kept[first:end])
			}
		}
		from = to
	}
}

// pagesIn returns which of the pages from to to of a run are in the span.
func (r run) pagesIn(s span, from, to int) (first, end int) {
	clamp := func(address uint64) int {
		if address <= r.address {
			return 0
		}
		return int(min((address-r.address)/pageSize, r.pages))
	}
	return max(from, clamp(s.start)), min(to, clamp(s.end))
}

// split returns the runs of those pages that are kept.
func (r run) split(kept []bool) []run {
	var runs []run
	for from := 0; from < len(kept); from++ {
		to := from
		for to < len(kept) && kept[to] {
			to++
		}
		if to > from {
			part := r
			part.address += uint64(from) * pageSize
			part.at += int64(from) * pageSize
			part.pages = uint64(to - from)
			runs = append(runs, part)
			from = to
		}
	}
	return runs
}
