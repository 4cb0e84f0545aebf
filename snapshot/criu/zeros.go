package criu

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/checkpoint-restore/go-criu/v7/crit/images/mm"
	"github.com/checkpoint-restore/go-criu/v7/crit/images/vma"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// leastZeros is how many pages of zeros must follow each other to be left out:
// each run of pages is an entry in a page map, and a copy of its own in a
// restore.
const leastZeros = 8

// What CRIU says of a mapping, in a bit mask.
const (
	areaRegular     = 1 << 0
	areaStack       = 1 << 1
	areaHeap        = 1 << 5
	areaAnonPrivate = 1 << 9
)

var errMappings = errors.New("the image's list of mappings is broken")

// span is a range of addresses.
type span struct{ start, end uint64 }

// emptySpans returns, by the number of a page map, where the memory of its
// process reads as zeros if it is not in the image: private anonymous mappings.
func emptySpans(img *snapshot.Image) (map[string][]span, error) {
	spans := map[string][]span{}
	for _, f := range img.Files {
		number, is := strings.CutPrefix(f.Name, "mm-")
		if !is {
			continue
		}
		var entry mm.MmEntry
		if err := decodeOnly(f.Data, &entry); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", errMappings, f.Name, err)
		}
		for _, v := range entry.GetVmas() {
			if startsEmpty(v) {
				spans["pagemap-"+number] = append(spans["pagemap-"+number], span{v.GetStart(), v.GetEnd()})
			}
		}
	}
	return spans, nil
}

// decodeOnly decodes the one message of an image.
func decodeOnly(raw []byte, m proto.Message) error {
	list, err := messages(raw)
	if err != nil {
		return err
	}
	if len(list) != 1 {
		return fmt.Errorf("%d messages, want one", len(list))
	}
	return proto.Unmarshal(list[0], m)
}

// startsEmpty reports whether a mapping is made of zeros when it is new.
func startsEmpty(v *vma.VmaEntry) bool {
	const flags = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS
	status := v.GetStatus()
	return status&^(areaStack|areaHeap) == areaRegular|areaAnonPrivate &&
		v.GetFlags()&flags == flags && v.GetFlags()&(unix.MAP_HUGETLB|unix.MAP_GROWSDOWN) == 0
}

// leaveOutZeros is snapshot.Image's, of an image whose pages are in a stream.
func (s *stream) leaveOutZeros(img *snapshot.Image, content *store) func(zero [][]bool) ([][]bool, error) {
	return func(zero [][]bool) ([][]bool, error) {
		empty, err := emptySpans(img)
		if err != nil {
			return nil, err
		}
		kept := make([][]bool, len(img.Pages))
		for n, of := range s.images {
			id := n + 1
			i := slices.IndexFunc(img.Pages, func(p snapshot.ImagePages) bool { return p.Name == pagesName(id) })
			kept[i] = of.leaveOut(empty[of.name()], zero[i])
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
