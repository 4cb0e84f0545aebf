package criu

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// The magic numbers with which a page map begins.
const (
	magicCommon  = 0x54564319
	magicPagemap = 0x56084025
)

// Fields of the messages in a page map. CRIU 4.2 writes the number of pages
// with 64 bits, and 0 in the older field, which is required.
const (
	fieldPagesID    = 1
	fieldAddress    = 1
	fieldPagesOld   = 2
	fieldEntryFlags = 4
	fieldPages      = 5
)

// name is that of the page map.
func (i *pageImage) name() string {
	if i.destination&0xff == destinationShared {
		return fmt.Sprintf("pagemap-shmem-%d.img", i.destination>>8)
	}
	return pagemapOf(int(i.destination >> 8))
}

// pagemap encodes the page map; its pages are in pages-ID.img.
func (i *pageImage) pagemap(id int) []byte {
	b := binary.LittleEndian.AppendUint32(nil, magicCommon)
	b = binary.LittleEndian.AppendUint32(b, magicPagemap)
	b = appendMessage(b, fieldPagesID, uint64(id))
	for _, r := range i.runs {
		b = appendMessage(b, fieldAddress, r.address, fieldPagesOld, 0, fieldEntryFlags, uint64(r.flags), fieldPages, r.pages)
	}
	return b
}

// appendMessage appends a message of integers, as pairs of field and value,
// with its length in front, as CRIU does.
func appendMessage(b []byte, pairs ...uint64) []byte {
	length := len(b)
	b = append(b, 0, 0, 0, 0)
	for pair := range slices.Chunk(pairs, 2) {
		b = protowire.AppendTag(b, protowire.Number(pair[0]), protowire.VarintType)
		b = protowire.AppendVarint(b, pair[1])
	}
	binary.LittleEndian.PutUint32(b[length:], uint32(len(b)-length-4))
	return b
}

// pagesOf reads the pages of one page map, end to end, out of the stream.
type pagesOf struct {
	stream io.ReaderAt
	// runs are those with content; starts[i] is where run i begins.
	runs   []run
	starts []int64
	bytes  int64
}

func newPagesOf(i *pageImage, stream io.ReaderAt) *pagesOf {
	p := &pagesOf{stream: stream, bytes: i.bytes}
	var at int64
	for _, r := range i.runs {
		if r.present() {
			p.runs, p.starts = append(p.runs, r), append(p.starts, at)
			at += r.bytes()
		}
	}
	return p
}

// ReadAt implements io.ReaderAt.
func (p *pagesOf) ReadAt(b []byte, off int64) (n int, err error) {
	if off < 0 || off >= p.bytes {
		return 0, io.EOF
	}
	i, exact := slices.BinarySearch(p.starts, off)
	if !exact {
		i--
	}
	for n < len(b) && i < len(p.runs) {
		into := off - p.starts[i]
		part := b[n:min(int64(len(b)), int64(n)+p.runs[i].bytes()-into)]
		m, err := p.stream.ReadAt(part, p.runs[i].at+into)
		if n, off = n+m, off+int64(m); m < len(part) {
			return n, err
		}
		i++
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// addTo puts page maps and pages of a finished stream into an image.
func (s *stream) addTo(img *snapshot.Image, content io.ReaderAt) {
	for i, of := range s.images {
		img.Files = append(img.Files, snapshot.ImageFile{Name: of.name(), Data: of.pagemap(i + 1)})
		img.Pages = append(img.Pages, of.pages(i+1, content))
	}
}

// pages are those of the page map, in the file with the number id.
func (i *pageImage) pages(id int, content io.ReaderAt) snapshot.ImagePages {
	return snapshot.ImagePages{Name: pagesName(id), Bytes: i.bytes, Reader: newPagesOf(i, content)}
}

func pagesName(id int) string { return fmt.Sprintf("pages-%d.img", id) }
