package userfault

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const size = 4 << 20

// process is memory of this process of which nothing is there yet.
type process struct {
	memory, want []byte
	pager        *Pager
}

func start(t *testing.T, soon ...Region) process {
	t.Helper()
	return startWith(t, nil, nil, soon...)
}

func startWith(t *testing.T, src Source, busy func() bool, soon ...Region) process {
	t.Helper()
	want, files := contents(t, size)
	if src == nil {
		src = files
	}
	fd := open(t)
	p := process{missing(t, fd, size), want, serve(t, src, busy)}
	whole := Region{Start: address(p.memory), End: address(p.memory) + size, File: "pages"}
	m := Missing{PID: 7, Regions: []Region{whole}}
	for _, r := range soon {
		m.Soon = append(m.Soon, whole.Between(whole.Start+r.Start, whole.Start+r.End))
	}
	p.pager.Add(fd, m)
	p.pager.Complete()
	return p
}

func (p process) check(t *testing.T, i int) {
	t.Helper()
	if got := touch(t, p.memory, i); got != p.want[i] {
		t.Errorf("byte %d is %#x, want %#x", i, got, p.want[i])
	}
}

// filled waits until all is there, and looks at it.
func (p process) filled(t *testing.T, want []byte) {
	t.Helper()
	p.pager.Fill(Now)
	if err := ended(t, p.pager); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(p.memory, want) {
		t.Error("the memory is not what the file has")
	}
}

func TestProcessGetsWhatItTouchesAndThenTheRest(t *testing.T) {
	p := start(t)
	for _, i := range []int{0, size - 1, size / 2, size/2 + 5*PageSize, 123456} {
		p.check(t, i)
	}
	select {
	case <-p.pager.Done():
		t.Error("the rest came, too, while the pager held")
	default:
	}
	p.filled(t, p.want)
	if n := p.pager.Asked(); n != 5 {
		t.Errorf("the process has waited %d times, want 5", n)
	}
	var touched uint64
	for _, r := range p.pager.Touched() {
		if touched += r.End - r.Start; r.PID != 7 {
			t.Errorf("memory of process %d was touched, want 7", r.PID)
		}
	}
	if touched != 5*aroundTracing {
		t.Errorf("%d bytes are noted as touched, want %d", touched, 5*aroundTracing)
	}
}

func TestWhatIsTouchedSoonIsThereBefore(t *testing.T) {
	p := start(t, Region{Start: 0, End: 3 * PageSize}, Region{Start: size / 2, End: size/2 + 500<<10})
	time.Sleep(200 * time.Millisecond)
	for _, i := range []int{0, 3*PageSize - 1, size / 2, size/2 + 500<<10 - 1} {
		p.check(t, i)
	}
	p.filled(t, p.want)
	if n := p.pager.Asked(); n != 0 {
		t.Errorf("the process has waited %d times for what it should have had", n)
	}
}

func TestTheRestComesGently(t *testing.T) {
	for claim, busy := range map[string]func() bool{
		"while there is nothing to do": func() bool { return false },
		"in spite of work":             func() bool { return true },
		"when nobody says":             nil,
	} {
		t.Run(claim, func(t *testing.T) {
			p := startWith(t, nil, busy)
			p.pager.Fill(Gently)
			if err := ended(t, p.pager); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(p.memory, p.want) {
				t.Error("the memory is not what the file has")
			}
		})
	}
}

func TestMemoryThatIsThrownAwayIsZeros(t *testing.T) {
	p := start(t)
	p.check(t, size/2)
	if err := unix.Madvise(p.memory[size/4:size/4*3], unix.MADV_DONTNEED); err != nil {
		t.Fatal(err)
	}
	want := bytes.Clone(p.want)
	clear(want[size/4 : size/4*3])
	if got := touch(t, p.memory, size/2); got != 0 {
		t.Errorf("thrown away, byte %d is %#x, want 0", size/2, got)
	}
	p.filled(t, want)
}

func TestMemoryMayMove(t *testing.T) {
	p := start(t)
	p.check(t, size/2)
	moved, err := unix.Mremap(p.memory, 2*size, unix.MREMAP_MAYMOVE)
	if err != nil {
		t.Fatal(err)
	}
	p.memory = moved[:size]
	t.Cleanup(func() { _ = unix.Munmap(moved) })
	p.check(t, size/2+64*PageSize)
	if got := touch(t, moved, size+PageSize); got != 0 {
		t.Errorf("new memory has %#x, want 0", got)
	}
	p.filled(t, p.want)
}

func TestMemoryMayGoAndFallApart(t *testing.T) {
	p := start(t)

	if _, _, errno := unix.Syscall(unix.SYS_MUNMAP, uintptr(address(p.memory))+size/2, size/4, 0); errno != 0 {
		t.Fatal(errno)
	}
	if err := unix.Mprotect(p.memory[size/8:size/8+PageSize], unix.PROT_READ); err != nil { // several mappings
		t.Fatal(err)
	}
	p.pager.Fill(Now)
	if err := ended(t, p.pager); err != nil {
		t.Fatal(err)
	}
	for _, part := range [][2]int{{0, size / 2}, {size / 4 * 3, size}} {
		if !bytes.Equal(p.memory[part[0]:part[1]], p.want[part[0]:part[1]]) {
			t.Errorf("bytes %d to %d are not what the file has", part[0], part[1])
		}
	}
}

type brokenSource struct{ err error }

func (b brokenSource) Bytes(string, int64, int64) ([]byte, error) { return nil, b.err }
func (brokenSource) AtHand(string, int64, int64) bool             { return true }
func (brokenSource) Sort(r []Region) []Region                     { return r }

func TestPagerEndsWithTheReasonOfItsSource(t *testing.T) {
	why := errors.New("the pool is gone")
	p := startWith(t, brokenSource{why}, nil)
	p.pager.Fill(Now)
	if err := ended(t, p.pager); !errors.Is(err, why) {
		t.Errorf("got %v, want %v", err, why)
	}
	p.pager.Fill(Gently) // and may still be told what to do
	p.pager.Close()
}

func TestClosedPagerSaysThatMemoryIsMissing(t *testing.T) {
	p := start(t)
	p.pager.Close()
	if err := p.pager.Err(); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want %v", err, ErrClosed)
	}
}

func TestFilesThatWereCutOffAreAnError(t *testing.T) {
	_, files := contents(t, size)
	if got, err := files.Bytes("pages", size-PageSize, 2*PageSize); err != nil || len(got) != PageSize {
		t.Errorf("got %d bytes, %v, want the one page that there is", len(got), err)
	}
	if _, err := files.Bytes("pages", size, PageSize); err == nil {
		t.Error("bytes behind the end were there")
	}
	if _, err := files.Bytes("none", 0, PageSize); err == nil {
		t.Error("a file that does not exist was there")
	}
}

func TestUserfaultfdIsAvailableHere(t *testing.T) {
	fd := open(t) // which skips where there are no rights
	_ = unix.Close(fd)
	if err := Available(); err != nil {
		t.Error(err)
	}
}
