package criu_test

import (
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
	later, err := criu.Later(dir)
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
