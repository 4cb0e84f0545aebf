package criu_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pronghorn-faas/pronghorn/internal/require"
	"github.com/pronghorn-faas/pronghorn/snapshot/criu"
)

// leanTree copies a CRIU that brings its own loader and adds the stand-ins.
func leanTree(t *testing.T) string {
	t.Helper()
	from := filepath.Join(require.Prefix(), "criu")
	_, err := os.Stat(filepath.Join(from, "lib", "loader"))
	require.Component(t, "criu", err == nil, "there is no CRIU with a loader of its own: run scripts/setup.sh criu")
	to := filepath.Join(t.TempDir(), "criu")
	for _, args := range [][]string{{"cp", "-a", from, to}, {"go", "run", "../../deploy/criu-lean", to}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
	}
	return to
}

func TestLibrariesThatAreNotNeededAreNotLoaded(t *testing.T) {
	require.Root(t)
	tree := leanTree(t)
	bin, err := criu.Find(filepath.Join(tree, "bin", "criu"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		bin   criu.Binary
		loads bool
	}{{bin, false}, {bin.Full(), true}} {
		argv := strings.Fields(c.bin.String())
		// The loader lists what it would load, instead of starting it.
		out, err := exec.Command(argv[0], append([]string{"--list"}, argv[1:]...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if got := strings.Contains(string(out), "libunistring"); got != c.loads {
			t.Errorf("%s: a library that only TLS needs is loaded: %t, want %t\n%s", c.bin, got, c.loads, out)
		}
	}
}

func TestLeanCRIUWorks(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	if !inSandbox(t) {
		return
	}
	t.Setenv("PRONGHORN_CRIU", filepath.Join(leanTree(t), "bin", "criu"))
	seed(t, engine(t), "")
	continuesFromSnapshot(t, launchPyPy(t), intoMemory)
}
