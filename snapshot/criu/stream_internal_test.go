package criu

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// sent builds a page stream as CRIU sends it.
type sent struct{ bytes.Buffer }

func (s *sent) command(cmd, flags uint32, pages, address, destination uint64) {
	var h [headerSize]byte
	binary.NativeEndian.PutUint32(h[:], flags<<16|cmd)
	binary.NativeEndian.PutUint64(h[8:], pages)
	binary.NativeEndian.PutUint64(h[16:], address)
	binary.NativeEndian.PutUint64(h[24:], destination)
	s.Write(h[:])
}

// add adds pages of which each is filled with its own letter.
func (s *sent) add(destination, address uint64, letters string) {
	s.command(cmdAddFlags, flagPresent, uint64(len(letters)), address, destination)
	for i := range len(letters) {
		s.WriteString(strings.Repeat(letters[i:i+1], pageSize))
	}
}

const (
	someProcess = 26001<<8 | destinationProcess
	someShared  = 77<<8 | destinationShared
)

// ordinary is a stream with two page maps.
func ordinary() []byte {
	var s sent
	s.command(cmdOpen2, 0, 0, 0, someProcess)
	s.add(someProcess, 0x1000, "ab")
	s.command(cmdAddFlags, 1, 3, 0x8000, someProcess) // pages without content
	s.add(someProcess, 0x20000, "c")
	s.command(cmdParent, 0, 0, 0, someShared)
	s.command(cmdOpen2, 0, 0, 0, someShared)
	s.add(someShared, 0, "xyz")
	s.command(cmdForceClose, 0, 0, 0, 0)
	return s.Bytes()
}

func TestStreamIsTakenApartWhereverItIsCut(t *testing.T) {
	raw := ordinary()
	for _, step := range []int{1, 7, headerSize, headerSize + 1, pageSize, 1 << 20} {
		s := newStream(maxStream)
		var answers []byte
		for at := 0; at < len(raw); at += step {
			answer, err := s.feed(raw[at:min(at+step, len(raw))])
			if err != nil {
				t.Fatalf("in steps of %d: %v", step, err)
			}
			answers = append(answers, answer...)
		}
		if !s.finished || len(answers) != 1+4+1+4 {
			t.Errorf("in steps of %d: finished %t, %d bytes of answers", step, s.finished, len(answers))
		}
		var img snapshot.Image
		s.addTo(&img, bytes.NewReader(raw))
		if got := letters(t, img.Pages[0]); got != "abc" {
			t.Errorf("in steps of %d: %s has %q", step, img.Pages[0].Name, got)
		}
		if got := letters(t, img.Pages[1]); got != "xyz" {
			t.Errorf("in steps of %d: %s has %q", step, img.Pages[1].Name, got)
		}
		if img.Files[0].Name != "pagemap-26001.img" || img.Files[1].Name != "pagemap-shmem-77.img" {
			t.Errorf("page maps are %s and %s", img.Files[0].Name, img.Files[1].Name)
		}
	}
}

// letters reads pages back, in pieces of odd sizes.
func letters(t *testing.T, p snapshot.ImagePages) string {
	t.Helper()
	var all bytes.Buffer
	if _, err := io.CopyBuffer(struct{ io.Writer }{&all}, io.NewSectionReader(p.Reader, 0, p.Bytes), make([]byte, 5001)); err != nil {
		t.Fatal(err)
	}
	var out []byte
	for i := 0; i < all.Len(); i += pageSize {
		page := all.Bytes()[i : i+pageSize]
		if bytes.Count(page, page[:1]) != pageSize {
			t.Errorf("page %d of %s is mixed up", i/pageSize, p.Name)
		}
		out = append(out, page[0])
	}
	return string(out)
}

func TestPagesOutsideAreTheEnd(t *testing.T) {
	raw := ordinary()
	s := newStream(maxStream)
	if _, err := s.feed(raw); err != nil {
		t.Fatal(err)
	}
	p := newPagesOf(s.images[0], bytes.NewReader(raw))
	for off, want := range map[int64]int{-1: 0, 3 * pageSize: 0, 3*pageSize - 10: 10, 1 << 40: 0} {
		if n, err := p.ReadAt(make([]byte, 100), off); n != want || !errors.Is(err, io.EOF) {
			t.Errorf("at %d: %d bytes and %v, want %d and the end", off, n, err, want)
		}
	}
}

// The bytes are those that CRIU 4.2.1 itself wrote for a process with these pages.
func TestPagemapIsAsCRIUWritesIt(t *testing.T) {
	img := pageImage{destination: someProcess, runs: []run{
		{address: 0x555ec18e6000, pages: 1, flags: 4},
		{address: 0x555ec18e8000, pages: 2, flags: 4},
	}}
	want := "\x19\x43\x56\x54\x25\x40\x08\x56" + "\x02\x00\x00\x00\x08\x01" +
		"\x0e\x00\x00\x00\x08\x80\xc0\xb9\x8c\xec\xab\x15\x10\x00\x20\x04\x28\x01" +
		"\x0e\x00\x00\x00\x08\x80\x80\xba\x8c\xec\xab\x15\x10\x00\x20\x04\x28\x02"
	if got := string(img.pagemap(1)); got != want {
		t.Errorf("got  %x\nwant %x", got, want)
	}
}

func TestStreamsThatAreWrong(t *testing.T) {
	for name, tc := range map[string]struct {
		build func(*sent)
		want  string
	}{
		"an unknown command":           {func(s *sent) { s.command(7, 0, 0, 0, someProcess) }, "unknown command 7"},
		"pages before they are opened": {func(s *sent) { s.add(someProcess, 0, "a") }, "before they are opened"},
		"opened twice":                 {func(s *sent) { s.command(cmdOpen2, 0, 0, 0, someProcess); s.command(cmdOpen, 0, 0, 0, someProcess) }, "opened twice"},
		"an unknown kind":              {func(s *sent) { s.command(cmdOpen2, 0, 0, 0, 9) }, "unknown kind 9"},
		"no pages":                     {func(s *sent) { s.command(cmdOpen2, 0, 0, 0, someProcess); s.command(cmdAdd, 0, 0, 0, someProcess) }, "0 pages"},
		"more pages than there are":    {func(s *sent) { s.command(cmdOpen2, 0, 0, 0, someProcess); s.command(cmdAdd, 0, 1<<63, 0, someProcess) }, "pages at"},
		"an address inside a page":     {func(s *sent) { s.command(cmdOpen2, 0, 0, 0, someProcess); s.command(cmdAdd, 0, 1, 12, someProcess) }, "0xc"},
		"longer than allowed":          {func(s *sent) { s.command(cmdOpen2, 0, 0, 0, someProcess); s.command(cmdAdd, 0, 300, 0, someProcess) }, "longer than 1048576 bytes"},
		"more after the end":           {func(s *sent) { s.command(cmdClose, 0, 0, 0, 0); s.WriteString("x") }, "after its end"},
	} {
		t.Run(name, func(t *testing.T) {
			var raw sent
			tc.build(&raw)
			if _, err := newStream(1 << 20).feed(raw.Bytes()); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// The input has the headers only; the content that they announce is zeros.
func FuzzStream(f *testing.F) {
	var seed sent
	seed.command(cmdOpen2, 0, 0, 0, someProcess)
	seed.command(cmdAddFlags, flagPresent, 2, 0x1000, someProcess)
	seed.command(cmdParent, 0, 0, 0, someShared)
	seed.command(cmdForceClose, 0, 0, 0, 0)
	f.Add(seed.Bytes(), uint8(headerSize))
	f.Add(seed.Bytes(), uint8(7))
	f.Fuzz(func(t *testing.T, headers []byte, step uint8) {
		const limit = 1 << 20
		s := newStream(limit)
		var raw bytes.Buffer
		for len(headers) > 0 {
			part := headers[:min(len(headers), int(step)+1)]
			if s.content > 0 {
				part = make([]byte, min(s.content, 100_000))
			} else {
				headers = headers[len(part):]
			}
			raw.Write(part)
			if _, err := s.feed(part); err != nil {
				return
			}
		}
		if int64(raw.Len()) != s.at && !s.finished {
			t.Errorf("%d bytes were fed, %d seen", raw.Len(), s.at)
		}
		var img snapshot.Image
		s.addTo(&img, bytes.NewReader(raw.Bytes()))
		for _, p := range img.Pages {
			if p.Bytes < 0 || p.Bytes > limit || p.Bytes%pageSize != 0 {
				t.Errorf("%s has %d bytes", p.Name, p.Bytes)
			}
			_, _ = io.Copy(io.Discard, io.NewSectionReader(p.Reader, 0, p.Bytes)) // may be cut short
		}
	})
}

func FuzzTree(f *testing.F) {
	f.Add([]byte("\x19\x43\x56\x54\x00\x00\x00\x00\x0c\x00\x00\x00\x08\x91\x4e\x10\x00\x18\x91\x4e\x20\x91\x4e\x28"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if ids, err := treeIDs(raw); err == nil && len(ids) == 0 {
			t.Error("no ids and no error")
		}
	})
}

// fill puts data into a store as the page server does.
func fill(t *testing.T, s *store, data []byte) {
	t.Helper()
	for len(data) > 0 {
		space, err := s.space()
		if err != nil {
			t.Fatal(err)
		}
		n := copy(space, data)
		if err := s.filled(n); err != nil {
			t.Fatal(err)
		}
		data = data[n:]
	}
}

func TestStoreHoldsWhatItIsGiven(t *testing.T) {
	data := make([]byte, 5<<20+123)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	for name, limit := range map[string]int64{"memory": 8 << 20, "a file": 0, "memory and a file": 2 << 20} {
		t.Run(name, func(t *testing.T) {
			s, err := newStore(t.TempDir(), limit, limit/2)
			if err != nil {
				t.Fatal(err)
			}
			fill(t, s, data)
			got, err := io.ReadAll(io.NewSectionReader(s, 0, int64(len(data))))
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d of %d bytes are the same (%v)", len(got), len(data), err)
			}
			for _, off := range []int64{-1, int64(len(data)) + 1} {
				if _, err := s.ReadAt(make([]byte, 1), off); !errors.Is(err, io.EOF) {
					t.Errorf("at %d: %v, want the end", off, err)
				}
			}
			if err := errors.Join(s.Close(), s.Close()); err != nil {
				t.Error(err)
			}
			if _, err := s.ReadAt(make([]byte, 1), 0); !errors.Is(err, errReleased) {
				t.Errorf("after Close: %v", err)
			}
		})
	}
}

func TestStoreWithoutRoomForItsFile(t *testing.T) {
	if _, err := newStore("/no/such/directory", 0, 0); err == nil {
		t.Error("no error")
	}
	s, err := newStore("/no/such/directory", hugePage, hugePage)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	fill(t, s, make([]byte, hugePage))
	if _, err := s.space(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want what is wrong with the directory", err)
	}
}

// serve serves a stream over a real socket, as CRIU would send it.
func serveStream(t *testing.T, raw []byte) *pageServer {
	t.Helper()
	s, err := newStore(t.TempDir(), 1<<20, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	p, err := newPageServer(s)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(p.theirs.Fd())
	for len(raw) > 0 {
		n, err := unix.SendmsgN(fd, raw[:min(len(raw), 9000)], nil, nil, unix.MSG_NOSIGNAL)
		if err != nil {
			break // the server has had enough
		}
		raw = raw[n:]
	}
	_ = unix.Shutdown(fd, unix.SHUT_WR)
	<-p.done
	p.close()
	return p
}

func TestServerEndsWithTheStream(t *testing.T) {
	raw := ordinary()
	if p := serveStream(t, raw); p.err != nil || !p.stream.finished {
		t.Errorf("finished %t, %v", p.stream.finished, p.err)
	}
	if p := serveStream(t, raw[:len(raw)-1]); !errors.Is(p.err, errTruncated) {
		t.Errorf("a stream that is cut: %v", p.err)
	}
	if p := serveStream(t, []byte(strings.Repeat("nonsense", 100))); p.err == nil {
		t.Error("nonsense was taken for pages")
	}
}
