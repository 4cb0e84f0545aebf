package criu_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/require"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// pythonZeros has zeros where leaving them out makes no difference, and where it
// would: over the content of a file, and in a child whose parent has something
// else there. Both processes print what they have.
const pythonZeros = `
import hashlib, mmap, os, sys, time
page, text = mmap.PAGESIZE, b"x"
def fill(m):
    m[:] = text * len(m)
    m[16 * page:48 * page] = bytes(32 * page)
    return m
anonymous = fill(mmap.mmap(-1, 64 * page, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
shared = fill(mmap.mmap(-1, 64 * page, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS))
with open(sys.argv[1], "wb") as f:
    f.write(text * (64 * page))
with open(sys.argv[1], "rb") as f:
    private = fill(mmap.mmap(f.fileno(), 64 * page, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE))
inherited = mmap.mmap(-1, 64 * page, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
inherited[:] = text * len(inherited)
name = "parent"
if os.fork() == 0:
    name = "child"
    fill(inherited)
while True:
    digest = hashlib.sha256(anonymous[:] + shared[:] + private[:] + inherited[:]).hexdigest()
    sys.stdout.write("%s %s\n" % (name, digest))
    sys.stdout.flush()
    time.sleep(0.01)
`

func TestRestoreDoesWithoutTheZerosThatAreLeftOut(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	if !inSandbox(t) {
		return
	}
	p := launch(t, "pypy3", "-c", pythonZeros, filepath.Join(t.TempDir(), "file"))
	want := p.said(t)
	d := prepare(t, p, 1<<30)
	if err := d.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	img, process, err := d.Image()
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	before := pagesOf(img)
	kept, err := img.LeaveOutZeros(zeros(t, img))
	if err != nil {
		t.Fatal(err)
	}
	left := 0
	for _, file := range kept {
		for _, k := range file {
			if k {
				left++
			}
		}
	}
	// Both processes have the anonymous zeros, the child those of its own, too.
	if after := pagesOf(img); after != left || before-after < 3*32 {
		t.Errorf("of %d pages %d are left, as it says %d: want at least %d fewer", before, after, left, 3*32)
	}
	dir := write(t, img)
	p.kill(t)
	for _, child := range process.TIDs { // it is ours now
		target{pid: child}.kill(t)
	}
	restored := restore(t, dir, process)
	defer restored.kill(t)
	if got := restored.said(t); got["parent"] != want["parent"] || got["child"] != want["child"] {
		t.Errorf("after the restore the processes have %v, want %v", got, want)
	}
}

// said is what the last line of each process says.
func (p target) said(t *testing.T) map[string]string {
	t.Helper()
	said := map[string]string{}
	for deadline := time.After(20 * time.Second); len(said) < 2; {
		select {
		case line := <-p.lines:
			if name, digest, is := strings.Cut(line, " "); is {
				said[name] = digest
			}
		case <-deadline:
			t.Fatalf("only %v within 20 s", said)
		}
	}
	return said
}

func pagesOf(img *snapshot.Image) int {
	n := int64(0)
	for _, p := range img.Pages {
		n += p.Bytes / snapshot.PageSize
	}
	return int(n)
}

// zeros tells which pages of an image hold nothing but zeros.
func zeros(t *testing.T, img *snapshot.Image) [][]bool {
	t.Helper()
	page, none := make([]byte, snapshot.PageSize), make([]byte, snapshot.PageSize)
	all := make([][]bool, len(img.Pages))
	for i, p := range img.Pages {
		for at := int64(0); at < p.Bytes; at += snapshot.PageSize {
			if _, err := p.Reader.ReadAt(page, at); err != nil {
				t.Fatal(err)
			}
			all[i] = append(all[i], bytes.Equal(page, none))
		}
	}
	return all
}
