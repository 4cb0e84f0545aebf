package pool_test

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/snapshot/pool"
)

// tree lists everything in a directory, files and directories.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, _ fs.DirEntry, err error) error {
		names = append(names, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestDirRemovesEmptyDirectories(t *testing.T) {
	dir := t.TempDir()
	p := open(t, "dir:"+dir)
	for _, key := range []string{"fn/s1/image.pack", "fn/s2/image.pack"} {
		if err := p.Put(t.Context(), key, bytes.NewReader(nil), 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Delete(t.Context(), "fn/s1/image.pack"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{".", ".incoming", "fn", "fn/s2", "fn/s2/image.pack"}, tree(t, dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDirKeepsSecretsToItself(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pool")
	p := open(t, "dir:"+dir)
	if err := p.Put(t.Context(), "fn/key", bytes.NewReader(nil), 0); err != nil {
		t.Fatal(err)
	}
	for _, name := range tree(t, dir) {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode()&0o077 != 0 {
			t.Errorf("%s has mode %v: others can read process memory", name, info.Mode())
		}
	}
}

func TestDirDoesNotFollowLinksOutOfThePool(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	p := open(t, "dir:"+dir)
	if err := os.Symlink(outside, filepath.Join(dir, "fn")); err != nil {
		t.Fatal(err)
	}
	if err := p.Put(t.Context(), "fn/key", bytes.NewReader(nil), 0); err == nil {
		t.Error("Put followed a link")
	}
	if got := tree(t, outside); len(got) > 1 {
		t.Errorf("outside: %q", got)
	}
}

// killedEnv tells the test program to be the upload that is killed.
const killedEnv = "PRONGHORN_TEST_KILLED_UPLOAD"

func TestDirSweepsWhatAKilledUploadLeft(t *testing.T) {
	if dir := os.Getenv(killedEnv); dir != "" {
		uploadForEver(t, dir)
	}
	dir := t.TempDir()
	killUpload(t, dir)
	p := open(t, "dir:"+dir)
	if objects, err := p.List(t.Context(), ""); err != nil || len(objects) > 0 {
		t.Errorf("List = %v, %v: want nothing", objects, err)
	}
	left := tree(t, filepath.Join(dir, ".incoming"))
	if len(left) != 2 {
		t.Fatalf("staged: %q, want one file: somebody may still be writing it", left)
	}
	old := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(filepath.Join(dir, ".incoming", left[1]), old, old); err != nil {
		t.Fatal(err)
	}
	open(t, "dir:"+dir)
	if diff := cmp.Diff([]string{".", ".incoming"}, tree(t, dir)); diff != "" {
		t.Errorf("after an hour (-want +got):\n%s", diff)
	}
}

// killUpload runs an upload in another process and kills that half-way.
func killUpload(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestDirSweepsWhatAKilledUploadLeft$")
	cmd.Env = append(os.Environ(), killedEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len(halfWay))); err != nil {
		t.Errorf("the upload did not begin: %v", err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // "signal: killed"
}

const halfWay = "half-way"

func uploadForEver(t *testing.T, dir string) {
	p, err := pool.Open(context.Background(), "dir:"+dir)
	if err != nil {
		t.Fatal(err)
	}
	body := io.MultiReader(bytes.NewReader(make([]byte, 1<<20)), hanging{})
	t.Fatal(p.Put(context.Background(), "fn/s1/image.pack", body, 2<<20))
}

// hanging says that it was reached, and is read for ever.
type hanging struct{}

func (hanging) Read([]byte) (int, error) {
	_, _ = os.Stdout.WriteString(halfWay)
	time.Sleep(time.Hour)
	return 0, io.EOF
}
