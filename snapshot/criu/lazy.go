package criu

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/snapshot/userfault"
)

// flagLazy says that CRIU need not have the pages in a restore: they are of
// memory of which the kernel tells when a page is missing. CRIU sets it in
// every dump.
const flagLazy = 1 << 1

var errPagemap = errors.New("the image's page map is broken")

// Later returns what of the image in dir may come after a restore, what of it will
// be needed soon, and how that is known. The page maps must be there, the pages
// need not be.
func Later(dir string) ([]userfault.Missing, Touches, error) {
	names, err := fs.Glob(os.DirFS(dir), "pagemap-*.img")
	if err != nil {
		return nil, Touches{}, err
	}
	var files []snapshot.ImageFile
	for _, name := range append(names, touchedFile) {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // nothing is known of what is touched
		}
		if err != nil {
			return nil, Touches{}, err
		}
		files = append(files, snapshot.ImageFile{Name: name, Data: raw})
	}
	return laterOf(files)
}

// laterOf is Later of the files that hold no pages.
func laterOf(files []snapshot.ImageFile) ([]userfault.Missing, Touches, error) {
	touches, err := touchesIn(files)
	if err != nil {
		return nil, touches, err
	}
	var all []userfault.Missing
	for _, f := range files {
		pid, is := processOf(f.Name)
		if !is {
			continue
		}
		regions, err := lazyRegions(f.Data)
		if err != nil {
			return nil, touches, fmt.Errorf("%s: %w", f.Name, err)
		}
		if len(regions) > 0 {
			all = append(all, userfault.Missing{PID: pid, Regions: regions, Soon: soon(pid, regions, touches.Ranges)})
		}
	}
	return all, touches, nil
}

// processOf returns whose page map has a name; others are of shared memory.
func processOf(name string) (pid int, is bool) {
	number, found := strings.CutPrefix(name, "pagemap-")
	number, isImage := strings.CutSuffix(number, ".img")
	pid, err := strconv.Atoi(number)
	return pid, found && isImage && err == nil
}

// laterPages returns which pages of an image may come later, and will not be
// needed soon.
func laterPages(img *snapshot.Image) ([][]bool, error) {
	missing, _, err := laterOf(img.Files)
	if err != nil {
		return nil, err
	}
	later, byName := make([][]bool, len(img.Pages)), map[string][]bool{}
	for i, p := range img.Pages {
		later[i] = make([]bool, p.Bytes/pageSize)
		byName[p.Name] = later[i]
	}
	for _, of := range missing {
		of.MarkLater(byName)
	}
	return later, nil
}

// lazyRegions returns the lazy regions of a page map.
func lazyRegions(raw []byte) ([]userfault.Region, error) {
	list, err := messages(raw)
	if err != nil || len(list) == 0 {
		return nil, errors.Join(errPagemap, err)
	}
	head, err := integers(list[0])
	if err != nil {
		return nil, err
	}
	file := pagesName(int(head[fieldPagesID]))
	var regions []userfault.Region
	var at int64
	var end uint64
	for _, raw := range list[1:] {
		entry, err := integers(raw)
		if err != nil {
			return nil, err
		}
		r, flags, err := regionOf(entry, file, at)
		if err != nil || r.Start < end {
			return nil, errors.Join(errPagemap, err)
		}
		end = r.End
		if flags&flagPresent == 0 {
			continue
		}
		at += int64(r.End - r.Start)
		if flags&flagLazy != 0 {
			regions = append(regions, r)
		}
	}
	return regions, nil
}

func regionOf(entry values, file string, at int64) (r userfault.Region, flags uint64, err error) {
	pages := entry[fieldPages]
	if pages == 0 {
		pages = entry[fieldPagesOld]
	}
	start := entry[fieldAddress]
	if start%pageSize != 0 || pages == 0 || pages > 1<<40 || start > 1<<60 {
		return r, 0, fmt.Errorf("%w: %d pages at %#x", errPagemap, pages, start)
	}
	return userfault.Region{Start: start, End: start + pages*pageSize, File: file, Offset: at}, entry[fieldEntryFlags], nil
}

// values are those of a message's fields.
type values [fieldPages + 1]uint64

// integers decodes a message that has nothing but integers.
func integers(raw []byte) (v values, err error) {
	for len(raw) > 0 {
		field, kind, n := protowire.ConsumeTag(raw)
		if n < 0 || kind != protowire.VarintType {
			return v, errPagemap
		}
		value, m := protowire.ConsumeVarint(raw[n:])
		if m < 0 {
			return v, errPagemap
		}
		if int(field) < len(v) {
			v[field] = value
		}
		raw = raw[n+m:]
	}
	return v, nil
}

// lazySocket is where a restoring CRIU connects to, in its working directory.
const lazySocket = "lazy-pages.socket"

// lazyDone is what CRIU says when all processes are about to run.
const lazyDone = 0x52535446

// lazyServer takes the userfaultfds of the processes that CRIU restores.
type lazyServer struct {
	listener *net.UnixListener
	pager    *userfault.Pager
	missing  map[int]userfault.Missing
	done     sync.WaitGroup
	err      error
}

// serveLazily listens in dir for a CRIU that restores the image there.
func serveLazily(dir *os.File, pager *userfault.Pager, later []userfault.Missing) (*lazyServer, error) {
	// A directory may have a longer name than an address can have.
	address := &net.UnixAddr{Name: fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), lazySocket), Net: "unix"}
	l, err := net.ListenUnix("unix", address)
	if err != nil {
		return nil, fmt.Errorf("listen for CRIU: %w", err)
	}
	s := &lazyServer{listener: l, pager: pager, missing: map[int]userfault.Missing{}}
	for _, of := range later {
		s.missing[of.PID] = of
	}
	s.done.Go(func() { s.err = s.serve() })
	return s, nil
}

func (s *lazyServer) serve() error {
	conn, err := s.listener.AcceptUnix()
	if err != nil {
		return err
	}
	defer conn.Close()
	for {
		word, _, err := receiveWord(conn, 4)
		if err != nil {
			return err
		}
		pid := int32(binary.NativeEndian.Uint32(word))
		switch {
		case pid == lazyDone:
			s.pager.Complete()
			return nil
		case pid < 0: // it has ended already
			continue
		}
		_, fd, err := receiveWord(conn, 1)
		if err != nil {
			return err
		}
		if fd < 0 {
			return errors.New("CRIU sent no userfaultfd")
		}
		s.pager.Add(fd, s.missing[int(pid)])
	}
}

// receiveWord reads some bytes, and a descriptor that may come with them, else -1.
func receiveWord(conn *net.UnixConn, bytes int) (word []byte, fd int, err error) {
	word, fd = make([]byte, bytes), -1
	oob := make([]byte, unix.CmsgSpace(4))
	n, oobn, _, _, err := conn.ReadMsgUnix(word, oob)
	if err != nil {
		return nil, -1, fmt.Errorf("CRIU's userfaultfds: %w", err)
	}
	list, err := unix.ParseSocketControlMessage(oob[:oobn])
	for _, m := range list {
		if fds, err := unix.ParseUnixRights(&m); err == nil && len(fds) == 1 {
			fd = fds[0]
		}
	}
	if err == nil && n < bytes {
		err = fmt.Errorf("CRIU's userfaultfds: %d bytes %q", n, strings.TrimSpace(string(word[:n])))
	}
	return word, fd, err
}

// close ends the listening and returns how the serving went.
func (s *lazyServer) close() error {
	_ = s.listener.Close()
	s.done.Wait()
	return s.err
}
