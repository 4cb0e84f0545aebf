package criu

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
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

var (
	errPagemap = errors.New("the image's page map is broken")
	errMessage = errors.New("a message has something else than integers")
)

// Whole decides, by what may come after a restore and what is known of it, whether
// processes get all of their memory before they run all the same.
type Whole func(list []userfault.Missing, known Touches) bool

// Later returns what of the image in dir may come after a restore, what of it will
// be needed soon, and how that is known. The page maps must be there, the pages
// need not be. A whole of nil means that no process gets all of it.
func Later(dir string, whole Whole) ([]userfault.Missing, Touches, error) {
	files, err := readFiles(dir, pagemapPrefix+"*.img", mappingsPrefix+"*.img", touchedFile)
	if err != nil {
		return nil, Touches{}, err
	}
	return laterOf(files, whole, userfault.MayCollapse())
}

// readFiles reads those files of an image whose names are like one of the
// patterns.
func readFiles(dir string, patterns ...string) (files []snapshot.ImageFile, err error) {
	var names []string
	for _, p := range patterns {
		like, err := fs.Glob(os.DirFS(dir), p)
		if err != nil {
			return nil, err
		}
		names = append(names, like...)
	}
	for _, name := range names {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		files = append(files, snapshot.ImageFile{Name: name, Data: raw})
	}
	return files, nil
}

// laterOf is Later of the files that hold no pages; huge allows huge pages.
func laterOf(files []snapshot.ImageFile, whole Whole, huge bool) ([]userfault.Missing, Touches, error) {
	touches, err := touchesIn(files)
	if err != nil {
		return nil, touches, err
	}
	list, entries, err := lazyIn(files)
	if err != nil {
		return nil, touches, err
	}
	for i := range list {
		list[i].Soon = soon(list[i].PID, list[i].Regions, touches.Ranges)
	}
	if whole != nil && whole(list, touches) {
		for i := range list {
			list[i].Soon = list[i].Regions
		}
	}
	early, err := earlyIn(files, huge)
	if err != nil {
		return nil, touches, err
	}
	for i := range list {
		early.addTo(&list[i], entries[i])
	}
	return list, touches, nil
}

// lazyIn returns the memory of an image of which the kernel tells when it is
// missing, by processes, and all that their page maps say.
func lazyIn(files []snapshot.ImageFile) (list []userfault.Missing, all [][]entry, err error) {
	for _, f := range files {
		pid, is := processOf(f.Name)
		if !is {
			continue
		}
		entries, _, err := entriesOf(f.Data)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		if regions := lazyRegions(entries); len(regions) > 0 {
			list, all = append(list, userfault.Missing{PID: pid, Regions: regions}), append(all, entries)
		}
	}
	return list, all, nil
}

// pagemapPrefix begins the names of page maps.
const pagemapPrefix = "pagemap-"

// pagemapOf is the name of a process's page map.
func pagemapOf(pid int) string { return fmt.Sprintf("%s%d.img", pagemapPrefix, pid) }

// processOf returns whose page map has a name; others are of shared memory.
func processOf(name string) (pid int, is bool) {
	number, found := strings.CutPrefix(name, pagemapPrefix)
	number, isImage := strings.CutSuffix(number, ".img")
	pid, err := strconv.Atoi(number)
	return pid, found && isImage && err == nil
}

// timesOf returns when the pages of an image are needed. Where it is not known what a
// process touches first, it gets all of its memory before it runs.
func timesOf(img *snapshot.Image) ([][]snapshot.Time, error) {
	unknown := func(_ []userfault.Missing, known Touches) bool { return len(known.Ranges) == 0 }
	missing, _, err := laterOf(img.Files, unknown, userfault.MayCollapse())
	if err != nil {
		return nil, err
	}
	sizes := map[string]int{}
	for _, p := range img.Pages {
		sizes[p.Name] = int(p.Bytes / pageSize)
	}
	byName, times := snapshot.TimesOf(missing, sizes), make([][]snapshot.Time, len(img.Pages))
	for i, p := range img.Pages {
		times[i] = byName[p.Name]
	}
	return times, nil
}

// lazyRegions returns the regions of entries that are lazy.
func lazyRegions(entries []entry) (regions []userfault.Region) {
	for _, e := range entries {
		if e.lazy() {
			regions = append(regions, e.Region)
		}
	}
	return regions
}

// entry is what a page map says of some pages, whose contents are in a file if
// they are present.
type entry struct {
	userfault.Region
	flags uint32
}

func (e entry) present() bool { return e.flags&flagPresent != 0 }

func (e entry) lazy() bool { return e.present() && e.flags&flagLazy != 0 }

// entriesOf returns the entries of a page map, and the number of the file with the
// contents.
func entriesOf(raw []byte) (entries []entry, id int, err error) {
	list, err := messages(raw)
	if err != nil || len(list) == 0 {
		return nil, 0, errors.Join(errPagemap, err)
	}
	head, err := integers(list[0])
	if err != nil {
		return nil, 0, errors.Join(errPagemap, err)
	}
	id = int(head[fieldPagesID])
	var at int64
	var end uint64
	for _, raw := range list[1:] {
		fields, err := integers(raw)
		if err != nil {
			return nil, 0, errors.Join(errPagemap, err)
		}
		r, err := regionOf(fields, pagesName(id), at)
		if err != nil || r.Start < end {
			return nil, 0, errors.Join(errPagemap, err)
		}
		end = r.End
		e := entry{r, uint32(fields[fieldEntryFlags])}
		if entries = append(entries, e); e.present() {
			at += int64(r.End - r.Start)
		}
	}
	return entries, id, nil
}

func regionOf(entry values, file string, at int64) (userfault.Region, error) {
	pages := entry[fieldPages]
	if pages == 0 {
		pages = entry[fieldPagesOld]
	}
	start := entry[fieldAddress]
	if start%pageSize != 0 || pages == 0 || pages > 1<<40 || start > 1<<60 || entry[fieldEntryFlags] > math.MaxUint32 {
		return userfault.Region{}, fmt.Errorf("%w: %d pages at %#x", errPagemap, pages, start)
	}
	return userfault.Region{Start: start, End: start + pages*pageSize, File: file, Offset: at}, nil
}

// values are those of a message's fields.
type values [fieldAdvice + 1]uint64

// integers decodes a message that has nothing but integers.
func integers(raw []byte) (v values, err error) {
	for len(raw) > 0 {
		field, kind, n := protowire.ConsumeTag(raw)
		if n < 0 || kind != protowire.VarintType {
			return v, errMessage
		}
		value, m := protowire.ConsumeVarint(raw[n:])
		if m < 0 {
			return v, errMessage
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

var errNotAsked = errors.New("CRIU has not said when processes had their mappings: is this CRIU 4.2 or later?")

// lazyServer takes the userfaultfds of the processes that CRIU restores.
type lazyServer struct {
	listener *net.UnixListener
	pager    *userfault.Pager
	missing  map[int]userfault.Missing // of processes whose userfaultfds have not come
	allAdded sync.Once
	added    chan struct{} // closed when all have
	asked    bool          // ready was called
	done     chan struct{}
	err      error // once done
}

// serveLazily listens in dir for a CRIU that restores the image there.
func serveLazily(dir *os.File, pager *userfault.Pager, later []userfault.Missing) (*lazyServer, error) {
	// A directory may have a longer name than an address can have.
	address := &net.UnixAddr{Name: fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), lazySocket), Net: "unix"}
	l, err := net.ListenUnix("unix", address)
	if err != nil {
		return nil, fmt.Errorf("listen for CRIU: %w", err)
	}
	s := &lazyServer{listener: l, pager: pager, missing: map[int]userfault.Missing{}, added: make(chan struct{}), done: make(chan struct{})}
	for _, of := range later {
		s.missing[of.PID] = of
	}
	go func() {
		defer close(s.done)
		s.err = s.serve()
	}()
	return s, nil
}

// ready gives the processes, once they have their mappings and before they run,
// what they need of their memory by then.
func (s *lazyServer) ready(ctx context.Context) error {
	select {
	case <-s.added:
	case <-s.done:
		return s.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	s.asked = true
	s.pager.Complete()
	return s.pager.AwaitReady(ctx)
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
		if delete(s.missing, int(pid)); len(s.missing) == 0 {
			s.allAdded.Do(func() { close(s.added) })
		}
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
	<-s.done
	if s.err == nil && !s.asked {
		return errNotAsked
	}
	return s.err
}
