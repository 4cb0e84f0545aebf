package criu_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
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
func learnAndRun(t *testing.T, r *criu.Restore, node, dir string, process snapshot.Process, learns bool) {
	t.Helper()
	if err := r.Learn(t.Context(), dir, node); (err == nil) != learns {
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
	dir, process, _ := dumpAndEnd(t, launchPyPy(t))
	above(t, 1000)
	otherContainer(t)
	return dir, process
}

// inNode is what the node's directory has.
func inNode(t *testing.T, node string) (unchecked, checked []string) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(node, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		if strings.Contains(path, "unchecked") {
			unchecked = append(unchecked, path)
		} else {
			checked = append(checked, path)
		}
	}
	return unchecked, checked
}

// otherContainer is one that has just started.
func otherContainer(t *testing.T) {
	t.Helper()
	_ = os.Remove(kdat)
	_ = os.Remove(kdat + ".pronghorn")
}

func TestWhatARestoreLearnsIsForTheNodeAndCRIUIsCheckedLater(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	if !inSandbox(t) {
		return
	}
	dir, process := dumped(t)
	e, node := engine(t), t.TempDir()
	if e.SeedFrom(node) {
		t.Fatal("there is a cache before anybody has learned")
	}
	learnAndRun(t, prepareRestore(t, e), node, dir, process, true)
	learned := content(t, kdat)
	if unchecked, checked := inNode(t, node); len(unchecked) != 1 || len(checked) != 0 || content(t, unchecked[0]) != learned {
		t.Errorf("the node has %q and %q, want what was learned, as of a CRIU that was not checked", unchecked, checked)
	}
	otherContainer(t)
	if !e.SeedFrom(node) || content(t, kdat) != learned {
		t.Error("another container does not find what was learned")
	}
	seed(t, e, node)
	if unchecked, checked := inNode(t, node); len(unchecked) != 0 || len(checked) != 1 || content(t, checked[0]) != learned {
		t.Errorf("after the check the node has %q and %q, want what was learned", unchecked, checked)
	}
	otherContainer(t)
	if !e.SeedFrom(node) || content(t, kdat) != learned {
		t.Error("a third container does not find it")
	}
}

func TestRestoreWorksWhereNothingCanBeLearned(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	if !inSandbox(t) {
		return
	}
	onDisk(t)
	dir, process := dumped(t)
	learnAndRun(t, prepareRestore(t, engine(t)), t.TempDir(), dir, process, false)
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
	learnAndRun(t, r, t.TempDir(), dir, process, false)
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
	if err := prepareRestore(t, e).Learn(t.Context(), "", node); err != nil {
		t.Fatal(err)
	}
	if err := e.Seed(t.Context(), node); !errors.Is(err, criu.ErrUnavailable) || !strings.Contains(err.Error(), "no such kernel") {
		t.Errorf("got %v, want CRIU's reason", err)
	}
	otherContainer(t)
	if err := e.Seed(t.Context(), node); !errors.Is(err, criu.ErrUnavailable) {
		t.Errorf("another container got %v, want CRIU's reason", err)
	}
	if _, checked := inNode(t, node); len(checked) > 0 {
		t.Errorf("the node has %q, of a CRIU that does not work", checked)
	}
}

func TestWhatTheCRIUOfTheDumpKnewIsInTheImage(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	if !inSandbox(t) {
		return
	}
	e := engine(t)
	seed(t, e, "")
	known := content(t, kdat)
	dir, process := dumped(t)
	node, r := t.TempDir(), prepareRestore(t, e)
	if err := syscall.Kill(r.CRIU(), syscall.SIGSTOP); err != nil { // it can learn nothing
		t.Fatal(err)
	}
	if err := r.Learn(t.Context(), dir, node); err != nil {
		t.Error(err)
	}
	_ = syscall.Kill(r.CRIU(), syscall.SIGCONT)
	if got := content(t, kdat); got != known || !e.SeedFrom("") {
		t.Error("the cache is not that of the image")
	}
	if unchecked, checked := inNode(t, node); len(unchecked) != 0 || len(checked) != 1 || content(t, checked[0]) != known {
		t.Errorf("the node has %q and %q, want what the image knows", unchecked, checked)
	}
	learnAndRun(t, r, node, dir, process, true)
}

func TestWhatAnotherBootKnewIsNotBelieved(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	if !inSandbox(t) {
		return
	}
	e := engine(t)
	seed(t, e, "")
	dir, process := dumped(t)
	path := filepath.Join(dir, "pronghorn-learned")
	key, _, _ := strings.Cut(content(t, path), "\n")
	for claim, wrong := range map[string]string{
		"another key": strings.Repeat("0", len(key)) + "\nwrong", "nothing of a cache": key + "\n", "no key": "wrong", "too much": key + "\n" + strings.Repeat("x", 1<<20),
	} {
		otherContainer(t)
		if err := os.WriteFile(path, []byte(wrong), 0o600); err != nil {
			t.Fatal(err)
		}
		learnAndRun(t, prepareRestore(t, e), "", dir, process, true)
		if !e.SeedFrom("") || strings.Contains(content(t, kdat), "wrong") {
			t.Errorf("%s: the cache is %q", claim, content(t, kdat))
		}
	}
}
