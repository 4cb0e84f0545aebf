package criu

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// CRIU sends pages in the protocol of its page server: a header, and after
// one that adds pages their content. The header of CRIU 4.2 has 32 bytes in
// the byte order of the machine: command and flags (16 bits each, then 4 bytes
// of padding), number of pages, address, destination (64 bits each).
const headerSize = 32

// Commands of a header.
const (
	cmdAdd        = 1
	cmdHole       = 2
	cmdOpen       = 3
	cmdOpen2      = 4 // wants one byte: whether there is a parent image
	cmdParent     = 5 // wants four bytes: the same
	cmdAddFlags   = 6
	cmdClose      = 0x1023 // both want four bytes: the status, 0 = all is well
	cmdForceClose = 0x1024
)

// flagPresent says that the content of the pages follows.
const flagPresent = 1 << 2

// Kinds of destinations, the low eight bits; the rest is the number in the
// name of the page map.
const (
	destinationProcess = 1
	destinationShared  = 2
)

// Bounds of a stream. Real ones have some thousand runs in one or two images.
const (
	maxRuns   = 1 << 22
	maxImages = 1 << 14
)

var (
	errTruncated = errors.New("the page stream ends early")
	errFinished  = errors.New("the page stream goes on after its end")
)

// run is some pages that follow each other in the process.
type run struct {
	address uint64
	pages   uint64
	flags   uint32
	// at is where the content lies in the stream, in bytes.
	at int64
}

func (r run) present() bool { return r.flags&flagPresent != 0 }

// bytes is the length of the content.
func (r run) bytes() int64 {
	if !r.present() {
		return 0
	}
	return int64(r.pages) * pageSize
}

// pageImage is what a stream says of one page map.
type pageImage struct {
	destination uint64
	runs        []run
	bytes       int64
}

// stream takes a page stream apart as it comes. It looks at headers only, and
// remembers where in the stream the content of the pages is.
type stream struct {
	// limit bounds the bytes of the stream.
	limit    int64
	images   []*pageImage
	byID     map[uint64]*pageImage
	runs     int
	at       int64 // bytes seen
	content  int64 // bytes of content that are still to come
	header   [headerSize]byte
	got      int // bytes of the header
	finished bool
}

func newStream(limit int64) *stream {
	return &stream{limit: limit, byID: map[uint64]*pageImage{}}
}

// feed takes the next bytes of the stream and returns what is to be answered.
func (s *stream) feed(b []byte) (answer []byte, err error) {
	for len(b) > 0 {
		if s.finished {
			return nil, errFinished
		}
		if skip := min(s.content, int64(len(b))); skip > 0 {
			b, s.content, s.at = b[skip:], s.content-skip, s.at+skip
			continue
		}
		n := copy(s.header[s.got:], b)
		b, s.got, s.at = b[n:], s.got+n, s.at+int64(n)
		if s.got < headerSize {
			break
		}
		s.got = 0
		reply, err := s.command()
		if err != nil {
			return nil, err
		}
		answer = append(answer, reply...)
	}
	return answer, nil
}

// command carries out the header.
func (s *stream) command() (answer []byte, err error) {
	word := binary.NativeEndian.Uint32(s.header[:])
	cmd, flags := word&0xffff, word>>16
	r := run{address: binary.NativeEndian.Uint64(s.header[16:]), pages: binary.NativeEndian.Uint64(s.header[8:]), flags: flags, at: s.at}
	destination := binary.NativeEndian.Uint64(s.header[24:])
	switch cmd {
	case cmdOpen:
		return nil, s.open(destination)
	case cmdOpen2:
		return []byte{0}, s.open(destination)
	case cmdParent:
		return make([]byte, 4), nil
	case cmdAdd:
		r.flags = flagPresent
		return nil, s.add(destination, r)
	case cmdHole:
		r.flags &^= flagPresent
		return nil, s.add(destination, r)
	case cmdAddFlags:
		return nil, s.add(destination, r)
	case cmdClose, cmdForceClose:
		s.finished = true
		return make([]byte, 4), nil
	}
	return nil, fmt.Errorf("unknown command %d in the page stream: is this CRIU 4.2 or later?", cmd)
}

func (s *stream) open(destination uint64) error {
	switch kind := destination & 0xff; {
	case kind != destinationProcess && kind != destinationShared:
		return fmt.Errorf("unknown kind %d of pages in the page stream", kind)
	case s.byID[destination] != nil:
		return fmt.Errorf("pages %#x are opened twice in the page stream", destination)
	case len(s.images) == maxImages:
		return fmt.Errorf("more than %d page maps in the page stream", maxImages)
	}
	img := &pageImage{destination: destination}
	s.images = append(s.images, img)
	s.byID[destination] = img
	return nil
}

func (s *stream) add(destination uint64, r run) error {
	img := s.byID[destination]
	switch {
	case img == nil:
		return fmt.Errorf("pages %#x come before they are opened in the page stream", destination)
	case r.pages == 0 || r.pages > 1<<40 || r.address%pageSize != 0:
		return fmt.Errorf("%d pages at %#x in the page stream", r.pages, r.address)
	case r.bytes() > s.limit-s.at:
		return fmt.Errorf("the page stream is longer than %d bytes", s.limit)
	case s.runs == maxRuns:
		return fmt.Errorf("more than %d runs in the page stream", maxRuns)
	}
	s.runs++
	img.runs = append(img.runs, r)
	img.bytes += r.bytes()
	s.content = r.bytes()
	return nil
}
