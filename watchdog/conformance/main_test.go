package conformance_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/pronghorn-faas/pronghorn/internal/require"
	"github.com/pronghorn-faas/pronghorn/internal/sandbox"
)

// Names of the programs that this test binary can also be, given as its first
// argument.
const (
	asFunction  = "as-http-function"
	asSupervise = "as-supervisor"
	asInProcess = "as-in-process-watchdog"
)

func TestMain(m *testing.M) {
	sandbox.Init()
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case asFunction:
			os.Exit(runFunction())
		case asSupervise:
			os.Exit(supervise(os.Args[2:]))
		case asInProcess:
			os.Exit(runInProcess())
		}
	}
	code := m.Run()
	if dir, err := scratch(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// scratch is a directory for all tests.
var scratch = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "conformance-") })

// built returns the path of the watchdog that WATCHDOG_BIN names, or of ours,
// which is built once for all tests.
var built = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("WATCHDOG_BIN"); path != "" {
		return filepath.Abs(path)
	}
	dir, err := scratch()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "fwatchdog")
	if out, err := exec.Command("go", "build", "-o", path, "../fwatchdog").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build fwatchdog: %w\n%s", err, out)
	}
	return path, nil
})

// program is the watchdog under test, as an absolute path.
func program(t *testing.T) string {
	t.Helper()
	require.Root(t) // whoever asks for it starts it in a sandbox
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// self is this test binary.
func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// isUpstream reports whether the program under test is upstream's.
func isUpstream() bool { return os.Getenv("WATCHDOG_UPSTREAM") == "yes" }

// expected is what the program under test has to show: want, or, when it is
// upstream's and that differs, what upstream's shows. Where the deviation is
// only told in words the test is skipped with them.
func expected[W any](t *testing.T, want W, deviation string, upstreams *W) W {
	t.Helper()
	if !isUpstream() || deviation == "" {
		return want
	}
	if upstreams == nil {
		t.Skip("upstream: " + deviation)
	}
	return *upstreams
}

// deviates is expected for a test of its own.
func deviates(t *testing.T, deviation string) {
	t.Helper()
	expected[any](t, nil, deviation, nil)
}
