package userfault

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/pronghorn-faas/pronghorn/internal/require"
)

// open makes a userfaultfd of the calling process.
func open(t testing.TB) int {
	t.Helper()
	require.Root(t)
	fd, _, errno := unix.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC|unix.O_NONBLOCK, 0, 0)
	if errno != 0 {
		t.Fatal(errno)
	}
	api := struct{ version, features, calls uint64 }{apiVersion, tellAll, 0}
	if err := call(int(fd), callAPI, unsafe.Pointer(&api)); err != nil {
		t.Fatal(err)
	}
	return int(fd)
}

// missing returns memory that is not there, and whose faults fd tells of.
func missing(t testing.TB, fd int, bytes int) []byte {
	t.Helper()
	m, err := unix.Mmap(-1, 0, bytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(m) })
	_ = unix.Madvise(m, unix.MADV_NOHUGEPAGE)
	if err := watch(fd, address(m), address(m)+uint64(bytes)); err != nil {
		t.Fatal(err)
	}
	return m
}

func address(m []byte) uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(m)))) }

// contents makes a file of random bytes and a source of it.
func contents(t testing.TB, bytes int) ([]byte, *Files) {
	t.Helper()
	raw := make([]byte, bytes)
	src := rand.NewChaCha8([32]byte{1})
	_, _ = src.Read(raw)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pages"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	f := NewFiles(dir)
	t.Cleanup(f.Close)
	return raw, f
}

// touch reads a byte of memory that may be missing. The kernel does, as this
// program's scheduler would wait for it, and the pager for the scheduler.
func touch(t testing.TB, m []byte, i int) byte {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe(fds[:]); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	if _, err := unix.Write(fds[1], m[i:i+1]); err != nil {
		t.Fatal(err)
	}
	var b [1]byte
	if _, err := unix.Read(fds[0], b[:]); err != nil {
		t.Fatal(err)
	}
	return b[0]
}

func serve(t testing.TB, src Source, busy func() bool) *Pager {
	t.Helper()
	p, err := New(src, busy)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func ended(t testing.TB, p *Pager) error {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("the pager does not end")
	}
	return p.Err()
}
