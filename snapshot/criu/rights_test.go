package criu_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/pronghorn-faas/pronghorn/internal/require"
	"github.com/pronghorn-faas/pronghorn/snapshot/criu"
)

// rightsEnv is set in the test binary that runs with fewer rights.
const rightsEnv = "PRONGHORN_TEST_RIGHTS"

// only the two capabilities that an unprivileged CRIU needs; 40 is
// CHECKPOINT_RESTORE, which old versions of setpriv do not know by name.
const (
	twoBounding = "--bounding-set=-all,+cap_40,+setpcap"
	twoInherit  = "--inh-caps=-all,+cap_40,+setpcap"
	twoAmbient  = "--ambient-caps=-all,+cap_40,+setpcap"
)

// withRights runs the calling test again inside a sandbox under setpriv, and
// reports true there.
func withRights(t *testing.T, args ...string) bool {
	t.Helper()
	if os.Getenv(rightsEnv) == t.Name() {
		return true
	}
	setpriv := require.Program(t, "criu", "setpriv")
	self := reachable(t)
	cmd := exec.Command(setpriv, append(append(args, self), again(t)...)...)
	cmd.Env = append(os.Environ(), rightsEnv+"="+t.Name())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("with fewer rights: %v\n%s", err, out)
	} else {
		t.Logf("with fewer rights:\n%s", out)
	}
	return false
}

// reachable copies the test's program to where any user may execute it.
func reachable(t *testing.T) string {
	t.Helper()
	path := filepath.Join("/dev/shm", "criu.test")
	to, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	from, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	_ = to.Close()
	return path
}

func TestTwoCapabilitiesOfRootAreEnough(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	if inSandbox(t) && withRights(t, twoBounding, "--inh-caps=-all") {
		worksUnprivileged(t)
	}
}

func TestTwoAmbientCapabilitiesAreEnough(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	if inSandbox(t) && withRights(t, "--reuid=1000", "--regid=1000", "--clear-groups", twoBounding, twoInherit, twoAmbient) {
		worksUnprivileged(t)
	}
}

func TestNoNewPrivilegesDoNotMatterToAmbientCapabilities(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	if inSandbox(t) && withRights(t, "--reuid=1000", "--regid=1000", "--clear-groups", "--no-new-privs", twoBounding, twoInherit, twoAmbient) {
		worksUnprivileged(t)
	}
}

func worksUnprivileged(t *testing.T) {
	mode, err := engine(t).Probe(t.Context())
	if err != nil || mode != criu.Unprivileged {
		t.Fatalf("got %s, %v, want unprivileged", mode, err)
	}
	e := engine(t)
	if e.SeedFrom("") {
		t.Error("there is a cache before anybody has learned")
	}
	if err := prepareRestore(t, e).Learn(t.Context(), "", ""); err != nil {
		t.Error(err)
	}
	if !e.SeedFrom("") {
		t.Error("what was learned is not taken for a cache")
	}
	seed(t, e, t.TempDir())
	continuesFromSnapshot(t, launchPyPy(t), intoMemory)
}

func TestProbeNamesTheMissingCapability(t *testing.T) {
	if inSandbox(t) && withRights(t, "--bounding-set=-all,+setpcap,+chown", "--inh-caps=-all") {
		probeFails(t, "CHECKPOINT_RESTORE")
	}
}

func TestRootMayProbe(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	if mode, err := engine(t).Probe(t.Context()); err != nil || mode != criu.Privileged {
		t.Errorf("got %s, %v, want privileged", mode, err)
	}
}

func TestProbeNamesTheSeccompFilter(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	if os.Getenv(rightsEnv) == "" {
		filtered(t)
		return
	}
	probeFails(t, "seccomp")
}

// filtered runs the test again under a filter that allows everything.
func filtered(t *testing.T) {
	runtime.LockOSThread() // not unlocked: the filter stays on this thread
	allow := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0x7fff0000}
	program := unix.SockFprog{Len: 1, Filter: &allow}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe", again(t)...)
	cmd.Env = append(os.Environ(), rightsEnv+"=yes")
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("PASS")) {
		t.Errorf("under a filter: %v\n%s", err, out)
	}
}

// probeFails wants Probe to fail for a reason.
func probeFails(t *testing.T, why string) error {
	t.Helper()
	_, err := engine(t).Probe(t.Context())
	if !errors.Is(err, criu.ErrUnavailable) || !strings.Contains(err.Error(), why) {
		t.Errorf("got %v, want an ErrUnavailable that names %q", err, why)
	}
	return err
}

func TestProbeNamesFileCapabilitiesThatMayNotBeHad(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	if os.Getenv(rightsEnv) == "" {
		t.Setenv("PRONGHORN_CRIU", withFileCapabilities(t))
	}
	if withRights(t, "--reuid=1000", "--regid=1000", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all") {
		probeFails(t, "may not be executed: it has file capabilities")
	}
}

// withFileCapabilities returns a program with the two capabilities, on a file
// system on which they count.
func withFileCapabilities(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "criu-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	raw, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "criu")
	if err := errors.Join(os.WriteFile(path, raw, 0o755), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	both := []byte{1, 0, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0} // cap_setpcap,cap_checkpoint_restore=ep
	if err := unix.Setxattr(path, "security.capability", both, 0); err != nil {
		t.Fatal(err)
	}
	return path
}
