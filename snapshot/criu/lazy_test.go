package criu_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/require"
	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/snapshot/criu"
	"github.com/pronghorn-faas/pronghorn/snapshot/userfault"
)

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
	later, _, err := criu.Later(dir)
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
	for p.next(t) < 20 {
	}
	dir, process := intoMemory(t, p)
	latest := p.last(t)
	p.kill(t)
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
	for p.next(t) < 20 {
	}
	dir, process := intoMemory(t, p)
	latest := p.last(t)
	p.kill(t)
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
