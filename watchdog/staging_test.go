package watchdog

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pronghorn-faas/pronghorn/internal/require"
)

// ownMounts gives the test's thread mounts of its own, and a tmpfs.
func ownMounts(t *testing.T) (tmpfs string) {
	t.Helper()
	require.Root(t)
	runtime.LockOSThread() // to the end, with which the thread goes
	dir := t.TempDir()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=8m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// optionsOf are those of the file system that is mounted on dir; "" = none is.
func optionsOf(t *testing.T, dir string) string {
	t.Helper()
	raw, err := os.ReadFile("/proc/thread-self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if fields := strings.Fields(line); fields[4] == dir {
			return fields[len(fields)-1]
		}
	}
	return ""
}

func TestImagesAreStagedInHugePages(t *testing.T) {
	dir := filepath.Join(ownMounts(t), "staging")
	if !useHugePages(dir) {
		t.Fatal("no tmpfs with huge pages was mounted")
	}
	got := optionsOf(t, dir)
	for _, want := range []string{"huge=within_size", "size=8192k", "mode=700"} {
		if !strings.Contains(got, want) {
			t.Errorf("options %q, want %s", got, want)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "image"), make([]byte, 3<<20), 0o600); err != nil {
		t.Error(err)
	}
	if useHugePages(dir) {
		t.Error("another one was mounted on it")
	}
}

func TestStagingDirectoryOfTheOperatorIsLeftAlone(t *testing.T) {
	tmpfs := ownMounts(t)
	for claim, dir := range map[string]string{
		"a file system of its own":     tmpfs,
		"a place that is no directory": "/proc/version",
		"not on a tmpfs":               "/proc",
	} {
		before := optionsOf(t, dir)
		if useHugePages(dir) || optionsOf(t, dir) != before {
			t.Errorf("%s: something was mounted on %s", claim, dir)
		}
	}
	disk := t.TempDir()
	var fs unix.Statfs_t
	if err := unix.Statfs(disk, &fs); err != nil {
		t.Fatal(err)
	}
	if fs.Type != unix.TMPFS_MAGIC && useHugePages(disk) {
		t.Errorf("a directory on a disk was covered")
	}
}
