package criu_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/internal/require"
	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/snapshot/criu"
	"github.com/pronghorn-faas/pronghorn/snapshot/userfault"
)

// dumpAndEnd dumps a process that has run for a while, and ends it. latest is the last
// line that it printed.
func dumpAndEnd(t testing.TB, p target) (dir string, process snapshot.Process, latest int) {
	t.Helper()
	for p.next(t) < 20 {
	}
	dir, process = intoMemory(t, p)
	latest = p.last(t)
	p.kill(t)
	return dir, process, latest
}

// restoreLazily restores a process that has nothing of what may come later.
func restoreLazily(t testing.TB, dir string, process snapshot.Process) (target, *userfault.Pager) {
	t.Helper()
	above(t, 1000)
	out, in := newPipe(t)
	r, err := engine(t).PrepareRestore(t.Context(), in, in)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	files := userfault.NewFiles(dir)
	pager, err := userfault.New(files, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		pager.Close()
		files.Close()
	})
	later, _, err := criu.Later(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := r.RunLazily(t.Context(), dir, process, later, pager)
	if err != nil {
		t.Fatal(err)
	}
	_ = in.Close()
	return target{pid: pid, lines: linesOf(out)}, pager
}

// continuesLazily is the claim of every runtime: a process that has been
// restored before its memory was there runs on where it was dumped, and still
// does when it has got all of it, without the pager.
func continuesLazily(t testing.TB, p target) {
	dir, process, latest := dumpAndEnd(t, p)
	for _, pace := range []userfault.Pace{userfault.Hold, userfault.Gently, userfault.Now} {
		restored, pager := restoreLazily(t, dir, process)
		pager.Fill(pace)
		if first := restored.next(t); first > latest+1 {
			t.Errorf("the restored process goes on at line %d, was dumped before line %d", first, latest+1)
		}
		for restored.next(t) < latest+50 {
		}
		pager.Fill(userfault.Now)
		select {
		case <-pager.Done():
		case <-time.After(10 * time.Second):
			t.Fatal("the memory is not there after 10 s")
		}
		if err := pager.Err(); err != nil {
			t.Error(err)
		}
		t.Logf("pace %d: the process waited for memory %d times", pace, pager.Asked())
		for restored.next(t) < latest+100 {
		}
		restored.kill(t)
	}
}

// pythonForker has children look at memory that it has not touched itself, lets
// memory grow, shrink and move, and stops printing when something is wrong.
const pythonForker = `
import mmap, os, time, zlib
data = bytes(bytearray(i * 7 % 251 for i in range(1 << 20))) * 24
want = zlib.crc32(data)
area = mmap.mmap(-1, 8 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
area[:] = data[:8 << 20]
n = 0
while True:
    n += 1
    if n > 60 and n % 10 == 5: # no child is there at the dump
        pid = os.fork()
        if pid == 0:
            os._exit(0 if zlib.crc32(data) == want and area[4 << 20:] == data[4 << 20:8 << 20] else 1)
        if os.waitpid(pid, 0)[1] != 0:
            raise SystemExit("a child found other memory")
    if n % 10 == 0:
        more = bytearray(b"y" * (6 << 20))
        if more[-1] != 121 or zlib.crc32(data) != want:
            raise SystemExit("memory is not what it was")
        del more
    print("n", n, flush=True)
    time.sleep(0.01)
`

func TestChildrenHaveTheMemoryThatTheirParentHasNotGotYet(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	if inSandbox(t) {
		continuesLazily(t, launch(t, "pypy3", "-c", pythonForker))
	}
}

// TestProcessIsLeftWaitingForWhatDoesNotCome: it must not find zeros instead.
func TestProcessIsLeftWaitingForWhatDoesNotCome(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	if !inSandbox(t) {
		return
	}
	p := launch(t, "pypy3", "-c", pythonForker)
	dir, process, latest := dumpAndEnd(t, p)
	restored, pager := restoreLazily(t, dir, process)
	if err := os.Truncate(filepath.Join(dir, "pages-1.img"), 0); err != nil {
		t.Fatal(err)
	}
	pager.Fill(userfault.Now)
	<-pager.Done()
	if pager.Err() == nil {
		t.Error("all memory was there in spite of an empty file")
	}
	deadline := time.After(time.Second)
	for {
		select {
		case line, open := <-restored.lines:
			if !open || !strings.HasPrefix(line, "n ") {
				t.Fatalf("the process has ended, or printed %q", line)
			}
			continue
		case <-deadline:
		}
		break
	}
	t.Logf("it waits since line %d", latest)
	restored.kill(t)
}

// pythonDense has dense memory, and data of a file of which it has changed some.
const pythonDense = `
import mmap, sys, time, zlib
data = bytes(bytearray(i * 7 % 251 for i in range(1 << 20))) * 24
copy = mmap.mmap(open(sys.argv[1], "rb").fileno(), 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
for page in range(3, 300, 2):
    copy[page * 4096] = page % 251
want = zlib.crc32(data), zlib.crc32(copy)
n = 0
while True:
    n += 1
    if (zlib.crc32(data), zlib.crc32(copy)) != want:
        raise SystemExit("memory is not what it was")
    print("n", n, flush=True)
    time.sleep(0.01)
`

// TestProcessHasWhatItNeedsBeforeItRuns: huge pages, and its own data of files.
func TestProcessHasWhatItNeedsBeforeItRuns(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	if !inSandbox(t) {
		return
	}
	file := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(file, bytes.Repeat([]byte("data"), 1<<19), 0o600); err != nil {
		t.Fatal(err)
	}
	p := launch(t, "pypy3", "-c", pythonDense, file)
	dir, process, latest := dumpAndEnd(t, p)
	touchAll(t, dir)
	later, _, err := criu.Later(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	hugePages := 8
	if !userfault.MayCollapse() {
		hugePages = 0
	}
	if len(later) != 1 || len(later[0].Huge) < hugePages || len(later[0].Written) < 100 {
		t.Fatalf("%d processes get their memory from us, want one with at least %d huge pages and 100 parts of files: %+v", len(later), hugePages, later)
	}
	restored, pager := restoreLazily(t, dir, process)
	for restored.next(t) < latest+50 {
	}
	if kb := hugeKB(t, restored.pid); kb < hugePages*userfault.HugeSize>>10 {
		t.Errorf("%d KB are in huge pages, want %d of them", kb, hugePages)
	}
	t.Logf("%d huge pages, %d parts of files", len(later[0].Huge), len(later[0].Written))
	if again, _, err := criu.Later(dir, nil); err != nil || !cmp.Equal(later, again) {
		t.Errorf("the image is not what it was: %v", err)
	}
	pager.Fill(userfault.Now)
	restored.kill(t)
}

// touchAll notes for the next restore that all memory is touched soon.
func touchAll(t *testing.T, dir string) {
	t.Helper()
	later, _, err := criu.Later(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	var list strings.Builder
	for _, of := range later {
		for _, r := range of.Regions {
			fmt.Fprintf(&list, "%d %x %x\n", of.PID, r.Start, r.End)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "pronghorn-touched"), []byte(list.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

func hugeKB(t *testing.T, pid int) (kb int) {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if n, _ := fmt.Sscanf(line, "AnonHugePages: %d kB", &kb); n == 1 {
			return kb
		}
	}
	t.Fatal("the kernel does not say what is in huge pages")
	return 0
}

// lostPages is a source that has lost its pages.
type lostPages struct{ why error }

func (l lostPages) Bytes(string, int64, int64) ([]byte, error) { return nil, l.why }
func (lostPages) AtHand(string, int64, int64) bool             { return true }
func (lostPages) Sort(r []userfault.Region) []userfault.Region { return r }

// TestRestoreWithoutWhatIsNeededLeavesNothing: the next one can have the ids.
func TestRestoreWithoutWhatIsNeededLeavesNothing(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	if !inSandbox(t) {
		return
	}
	p := launchPyPy(t)
	dir, process, latest := dumpAndEnd(t, p)
	later, _, err := criu.Later(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	lost := lostPages{errors.New("the pages are lost")}
	pager, err := userfault.New(lost, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer pager.Close()
	above(t, 1000)
	r := prepareRestore(t, engine(t))
	if _, err := r.RunLazily(t.Context(), dir, process, later, pager); !errors.Is(err, lost.why) {
		t.Errorf("got %v, want %v", err, lost.why)
	}
	restored, _ := restoreLazily(t, dir, process)
	for restored.next(t) < latest+10 {
	}
	restored.kill(t)
}

func TestPyPyRunsBeforeItsMemoryIsThere(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	if inSandbox(t) {
		continuesLazily(t, launchPyPy(t))
	}
}

func TestJVMRunsBeforeItsMemoryIsThere(t *testing.T) {
	require.Program(t, "jvm", "javac")
	if inSandbox(t) {
		continuesLazily(t, launchJVM(t))
	}
}

func TestNodeRunsBeforeItsMemoryIsThere(t *testing.T) {
	require.Program(t, "node", "node")
	if inSandbox(t) {
		continuesLazily(t, launchNode(t))
	}
}
