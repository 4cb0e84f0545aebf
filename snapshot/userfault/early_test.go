package userfault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// startEarly is memory of this process, size bytes at the beginning of a huge page,
// of which nothing is there yet. Only the regions have contents.
func startEarly(t *testing.T, huge bool, written []Region, regions ...Region) process {
	t.Helper()
	want, files := contents(t, size)
	fd := open(t)
	whole := missing(t, fd, size+HugeSize)
	_ = unix.Madvise(whole, unix.MADV_HUGEPAGE) // missing forbids them
	aligned := whole[-address(whole)&(HugeSize-1):][:size]
	p := process{aligned, make([]byte, size), serve(t, files, nil)}
	m := Missing{PID: os.Getpid(), Written: written}
	for _, r := range regions {
		copy(p.want[r.Start:r.End], want[r.Start:r.End])
		m.Regions = append(m.Regions, Region{Start: address(aligned) + r.Start, End: address(aligned) + r.End, File: "pages", Offset: int64(r.Start)})
	}
	m.Soon = m.Regions[:1]
	if huge {
		m.Huge = []uint64{address(aligned)}
	}
	p.pager.Add(fd, m)
	return p
}

// hugeBytes is how much of the mapping of an address is in huge pages, and how
// many mappings there are from there on, up to an end.
func hugeBytes(t *testing.T, start, end uint64) (huge, mappings int) {
	t.Helper()
	raw, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	inside := false
	for line := range strings.Lines(string(raw)) {
		var from, to uint64
		if n, _ := fmt.Sscanf(line, "%x-%x ", &from, &to); n == 2 {
			if inside = from < end && to > start; inside {
				mappings++
			}
			continue
		}
		var kb int
		if n, _ := fmt.Sscanf(line, "AnonHugePages: %d kB", &kb); n == 1 && inside {
			huge += kb << 10
		}
	}
	return huge, mappings
}

func TestDenseMemoryIsThereAsAHugePage(t *testing.T) {
	p := startEarly(t, true, nil, Region{Start: 2 * PageSize, End: 9 * PageSize}, Region{Start: 20 * PageSize, End: HugeSize + 5*PageSize})
	start := address(p.memory)
	p.check(t, 30*PageSize) // it is there before, and must stay as it is
	p.want[30*PageSize+1] = ^p.want[30*PageSize+1]
	p.memory[30*PageSize+1] = p.want[30*PageSize+1]
	p.pager.Complete()
	if err := p.pager.AwaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	huge, mappings := hugeBytes(t, start, start+HugeSize)
	if MayCollapse() && huge < HugeSize {
		t.Errorf("%d bytes are in huge pages, want %d", huge, HugeSize)
	}
	if mappings != 1 {
		t.Errorf("the memory is in %d mappings, want one", mappings)
	}
	if !bytes.Equal(p.memory[:HugeSize], p.want[:HugeSize]) {
		t.Error("the huge page is not what the file has")
	}
	p.check(t, HugeSize+1) // the rest comes as ever
	p.filled(t, p.want)
	if n := p.pager.Asked(); n != 2 {
		t.Errorf("the process has waited %d times, want 2", n)
	}
}

func TestNothingIsLostWhereThereIsNoHugePage(t *testing.T) {
	p := startEarly(t, true, nil, Region{Start: 0, End: HugeSize}, Region{Start: HugeSize + PageSize, End: size})
	if err := unix.Mprotect(p.memory[HugeSize/2:HugeSize/2+PageSize], unix.PROT_READ); err != nil { // several mappings
		t.Fatal(err)
	}
	p.pager.Complete()
	if err := p.pager.AwaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(p.memory[:HugeSize], p.want[:HugeSize]) {
		t.Error("not all that a huge page would have had was there before the process ran")
	}
	p.filled(t, p.want)
}

// backwards is a source that likes to begin at the end, and notes what is asked of it.
type backwards struct {
	Source
	asked []int64 // offsets
}

func (b *backwards) Sort(r []Region) (parts []Region) {
	for _, r := range r {
		for at := r.Start; at < r.End; at += 16 * PageSize {
			parts = append(parts, r.Between(at, at+16*PageSize))
		}
	}
	slices.Reverse(parts)
	return parts
}

func (b *backwards) Bytes(file string, offset, n int64) ([]byte, error) {
	b.asked = append(b.asked, offset)
	return b.Source.Bytes(file, offset, n)
}

func TestWhatIsNeededComesInTheOrderOfTheSource(t *testing.T) {
	_, files := contents(t, size)
	src := &backwards{Source: files}
	p := startWith(t, src, nil, Region{Start: 0, End: 32 * PageSize}, Region{Start: size / 2, End: size/2 + 16*PageSize})
	if err := p.pager.AwaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := []int64{size / 2, 16 * PageSize, 0}; !slices.Equal(src.asked, want) {
		t.Errorf("asked was for the bytes at %v, want %v", src.asked, want)
	}
	p.filled(t, p.want)
	if n := p.pager.Asked(); n != 0 {
		t.Errorf("the process has waited %d times, want never", n)
	}
}

// TestMemoryOfWhichTheKernelDoesNotTellIsWritten: changed data of files.
func TestMemoryOfWhichTheKernelDoesNotTellIsWritten(t *testing.T) {
	want, _ := contents(t, size)
	file, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	data, err := unix.Mmap(int(file.Fd()), 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(data)
	was := bytes.Clone(data)
	from := address(data) + 3*PageSize
	p := startEarly(t, false, []Region{{Start: from, End: from + 100*PageSize, File: "pages", Offset: PageSize}}, Region{Start: 0, End: size})
	p.pager.Complete()
	if err := p.pager.AwaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	copy(was[3*PageSize:103*PageSize], want[PageSize:])
	if !bytes.Equal(data, was) {
		t.Error("the data are not those of the file of pages, or others have changed")
	}
}

func TestProcessIsNotReadyWithoutItsMemory(t *testing.T) {
	nowhere := Region{Start: 1 << 30, End: 1<<30 + PageSize, File: "pages"} // where this process has nothing
	p := startEarly(t, false, []Region{nowhere}, Region{Start: 0, End: size})
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.pager.AwaitReady(done); !errors.Is(err, context.Canceled) {
		t.Errorf("before it is complete: got %v, want that there was no time", err)
	}
	p.pager.Complete()
	if err := p.pager.AwaitReady(t.Context()); !errors.Is(err, unix.EFAULT) {
		t.Errorf("got %v, want %v", err, unix.EFAULT)
	}
}
