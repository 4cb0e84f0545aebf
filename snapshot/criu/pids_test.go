package criu_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pronghorn-faas/pronghorn/internal/require"
	"github.com/pronghorn-faas/pronghorn/snapshot/criu"
)

// readOnlyProcSys does to /proc/sys what container engines do.
func readOnlyProcSys(t *testing.T) {
	t.Helper()
	err := errors.Join(
		unix.Mount("/proc/sys", "/proc/sys", "", unix.MS_BIND, ""),
		unix.Mount("", "/proc/sys", "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte("5000"), 0); !errors.Is(err, unix.EROFS) {
		t.Fatalf("got %v, want a read-only /proc/sys", err)
	}
}

// nextPID is the id that a process gets now.
func nextPID(t *testing.T) int {
	t.Helper()
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid
}

// between wants the next id to be one of a few: the runtime may start a thread.
func between(t *testing.T, low, high int) {
	t.Helper()
	if got := nextPID(t); got < low || got > high {
		t.Errorf("the next process has id %d, want one from %d to %d", got, low, high)
	}
}

func wantWay(t *testing.T, pids *criu.PIDs, want criu.Way, first int) {
	t.Helper()
	if way, err := pids.Choose(); err != nil || way != want {
		t.Fatalf("got %s, %v, want %s", way, err, want)
	}
	if got, err := pids.First(0); err != nil || got != first {
		t.Errorf("functions start with id %d, %v, want %d", got, err, first)
	}
	if got, err := pids.First(3000); err != nil || got != 3000 {
		t.Errorf("got id %d, %v, want the 3000 that was asked for", got, err)
	}
}

func TestIDsAreChosenInWritableProcSys(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	var pids criu.PIDs
	wantWay(t, &pids, criu.Proc, 20001)
	setsTheCursor(t, &pids)
}

func setsTheCursor(t *testing.T, pids *criu.PIDs) {
	t.Helper()
	for range 2 {
		if err := pids.Above(20_000); err != nil {
			t.Fatal(err)
		}
		between(t, 20_001, 20_010)
		if err := errors.Join(pids.Below(), pids.Approach(20_001)); err != nil {
			t.Fatal(err)
		}
		between(t, 1001, 1010)
	}
}

// What the function sees of /proc stays as it was, and nothing is handed on.
func TestReadOnlyProcSysIsGotAroundInAPrivateProcfs(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	require.Program(t, "jvm", "javac")
	if !inSandbox(t) {
		return
	}
	readOnlyProcSys(t)
	before := mountsAndFiles(t)
	var pids criu.PIDs
	wantWay(t, &pids, criu.PrivateProc, 20001)
	setsTheCursor(t, &pids)
	if after := mountsAndFiles(t); after != before {
		t.Errorf("a child sees\n%s\nand saw before\n%s", after, before)
	}
	if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte("5000"), 0); !errors.Is(err, unix.EROFS) {
		t.Errorf("got %v, want a /proc/sys that is still read-only", err)
	}
	continuesFromSnapshot(t, launchPyPy(t), intoMemory)
	continuesFromSnapshot(t, launchJVM(t), intoMemory)
}

// mountsAndFiles is what a child sees of mounts and has of open files.
func mountsAndFiles(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("sh", "-c", "cat /proc/self/mountinfo; cd /proc/self/fd; echo *").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestIDsAreUsedUpWithTwoCapabilitiesAndReadOnlyProcSys(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	require.Program(t, "jvm", "javac")
	for name, rights := range map[string][]string{
		"root":         {twoBounding, "--inh-caps=-all"},
		"another user": {"--reuid=1000", "--regid=1000", "--clear-groups", "--no-new-privs", twoBounding, twoInherit, twoAmbient},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			if !inSandbox(t) {
				return
			}
			if os.Getenv(rightsEnv) == "" {
				readOnlyProcSys(t)
			}
			if withRights(t, rights...) {
				usesUp(t)
			}
		})
	}
}

func usesUp(t *testing.T) {
	var pids criu.PIDs
	wantWay(t, &pids, criu.UsedUp, 501)
	if err := errors.Join(pids.Approach(0), pids.Below()); err != nil {
		t.Fatal(err)
	}
	between(t, 401, 410)
	for range 2 {
		if err := pids.Above(500); err != nil {
			t.Fatal(err)
		}
		between(t, 501, 520)
	}
	if err := pids.Above(1_000_000); !errors.Is(err, criu.ErrIDs) {
		t.Errorf("got %v for a million ids, want ErrIDs", err)
	}
	worksUnprivileged(t)
	continuesFromSnapshot(t, launchJVM(t), intoMemory)
}

// Ids that only go up may make CRIU take one of the image's.
func TestRestoreReplacesACRIUThatHasAnIDOfTheImage(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	if !inSandbox(t) {
		return
	}
	p := launchPyPy(t)
	for p.next(t) < 20 {
	}
	dir, process := intoMemory(t, p)
	p.kill(t)
	out, in := newPipe(t)
	r, err := engine(t).PrepareRestore(t.Context(), in, in)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	before := r.CRIU()
	process.TIDs = append(process.TIDs, before)
	if _, err := r.Run(t.Context(), dir, process); err != nil {
		t.Fatal(err)
	}
	if r.CRIU() == before {
		t.Errorf("CRIU still has id %d", before)
	}
	restored := target{pid: process.PID, lines: linesOf(out)}
	if first := restored.next(t); first < 20 {
		t.Errorf("goes on at line %d, want 20 or later", first)
	}
	restored.kill(t)
}
