package criu_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pronghorn-faas/pronghorn/internal/require"
	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/snapshot/criu"
)

// prepareRestore prepares a restore whose output nobody reads.
func prepareRestore(t *testing.T, e *criu.Engine) *criu.Restore {
	t.Helper()
	_, in := newPipe(t)
	r, err := e.PrepareRestore(t.Context(), in, in)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// learnAndRun has CRIU learn, if it can, and restore then.
func learnAndRun(t *testing.T, r *criu.Restore, dir string, process snapshot.Process, learns bool) {
	t.Helper()
	if err := r.Learn(t.Context()); (err == nil) != learns {
		t.Errorf("Learn: %v, want success: %t", err, learns)
	}
	pid, err := r.Run(t.Context(), dir, process)
	if err != nil {
		t.Fatal(err)
	}
	target{pid: pid}.kill(t)
}

// dumped is the image of a process that is gone, without a cache of CRIU.
func dumped(t *testing.T) (string, snapshot.Process) {
	t.Helper()
	p := launchPyPy(t)
	for p.next(t) < 20 {
	}
	dir, process := intoMemory(t, p)
	p.kill(t)
	above(t, 1000)
	_ = os.Remove(kdat)
	_ = os.Remove(kdat + ".pronghorn")
	return dir, process
}

func TestWhatARestoreLearnsIsKeptForTheNodeOnceCRIUWasChecked(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	if !inSandbox(t) {
		return
	}
	dir, process := dumped(t)
	e, node := engine(t), t.TempDir()
	if e.SeedFrom(node) {
		t.Fatal("there is a cache before anybody has learned")
	}
	learnAndRun(t, prepareRestore(t, e), dir, process, true)
	learned := content(t, kdat)
	if !e.SeedFrom(node) || content(t, kdat) != learned {
		t.Error("what was learned is not taken for a cache")
	}
	if kept, _ := filepath.Glob(filepath.Join(node, "*")); len(kept) > 0 {
		t.Errorf("the node has %q before CRIU was checked", kept)
	}
	seed(t, e, node)
	kept, _ := filepath.Glob(filepath.Join(node, "*"))
	if len(kept) != 1 || content(t, kept[0]) != learned || content(t, kdat) != learned {
		t.Errorf("after the check the node has %q, want what was learned", kept)
	}
	_ = os.Remove(kdat)
	if !e.SeedFrom(node) || content(t, kdat) != learned {
		t.Error("another container would not find it")
	}
}

func TestRestoreWorksWhereNothingCanBeLearned(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	if !inSandbox(t) {
		return
	}
	onDisk(t)
	dir, process := dumped(t)
	learnAndRun(t, prepareRestore(t, engine(t)), dir, process, false)
	if _, err := os.Stat(kdat); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a cache on the disk (%v), of which nobody knows what it is of", err)
	}
}

// failsToLearn is a CRIU that ends when it is asked about the kernel, the first
// time, and otherwise is the one that is there.
func failsToLearn(t *testing.T) *criu.Engine {
	t.Helper()
	bin, err := criu.Find(os.Getenv("PRONGHORN_CRIU"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	fake := filepath.Join(dir, "criu")
	script := "#!/bin/sh\nif [ \"$1\" = swrk ] && mkdir " + dir + "/once 2>/dev/null; then sleep 0.1; exit 1; fi\nexec " + bin.String() + ` "$@"` + "\n"
	if err := os.WriteFile(fake, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	if bin, err = criu.Find(fake); err != nil {
		t.Fatal(err)
	}
	return criu.NewEngine(bin)
}

func TestCRIUThatFailsToLearnIsReplaced(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	if !inSandbox(t) {
		return
	}
	dir, process := dumped(t)
	r := prepareRestore(t, failsToLearn(t))
	failed := r.CRIU()
	learnAndRun(t, r, dir, process, false)
	if r.CRIU() == failed {
		t.Error("the restore was left to a CRIU that had failed")
	}
}

func TestCRIUThatCannotWorkIsFoundOutAfterItHasLearned(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	bin, err := criu.Find(os.Getenv("PRONGHORN_CRIU"))
	if err != nil {
		t.Fatal(err)
	}
	fake := filepath.Join(t.TempDir(), "criu")
	script := "#!/bin/sh\nif [ \"$1\" = check ]; then echo 'Error (x.c:1): no such kernel'; exit 1; fi\nexec " + bin.String() + ` "$@"` + "\n"
	if err := os.WriteFile(fake, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	if bin, err = criu.Find(fake); err != nil {
		t.Fatal(err)
	}
	e, node := criu.NewEngine(bin), t.TempDir()
	if err := prepareRestore(t, e).Learn(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := e.Seed(t.Context(), node); !errors.Is(err, criu.ErrUnavailable) || !strings.Contains(err.Error(), "no such kernel") {
		t.Errorf("got %v, want CRIU's reason", err)
	}
	if kept, _ := filepath.Glob(filepath.Join(node, "*")); len(kept) > 0 {
		t.Errorf("the node has %q, of a CRIU that does not work", kept)
	}
}
