package snapshot_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

func TestAPackIsTheImageFilesEndToEnd(t *testing.T) {
	files := images()
	files["dump.log"], files["stats-dump"] = []byte("log"), []byte("stats") // left out
	raw, p := packed(t, files)
	want := snapshot.Pack{Bytes: int64(len(raw)), SHA256: sum(raw)}
	var all []byte
	for _, name := range []string{"core-7.img", "empty.img", "inventory.img", "pages-1.img"} {
		data := files[name]
		all = append(all, data...)
		want.Files = append(want.Files, snapshot.File{Name: name, Bytes: int64(len(data)), SHA256: sum(data)})
	}
	if !bytes.Equal(raw, all) {
		t.Errorf("the pack has %d bytes, want the %d of the files", len(raw), len(all))
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("description (-want +got):\n%s", diff)
	}
}

func TestWhatIsNoImageDirectoryIsRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil func(dir string) error
		names string // what the error must name
	}{
		"a subdirectory": {func(dir string) error { return os.Mkdir(filepath.Join(dir, "sub"), 0o700) }, "sub"},
		"a link":         {func(dir string) error { return os.Symlink("core-7.img", filepath.Join(dir, "parent")) }, "parent"},
		"a strange name": {func(dir string) error { return os.WriteFile(filepath.Join(dir, "a b"), nil, 0o600) }, "a b"},
		"no directory":   {os.RemoveAll, "no such file"},
		"nothing in it":  {func(dir string) error { return emptyDir(dir) }, "no image files"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := writeDir(t, images())
			if err := tc.spoil(dir); err != nil {
				t.Fatal(err)
			}
			_, err := snapshot.PackDir(t.Context(), dir, io.Discard)
			if err == nil || !strings.Contains(err.Error(), tc.names) {
				t.Errorf("error %v, want one that names %q", err, tc.names)
			}
		})
	}
}

func emptyDir(dir string) error { return errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)) }

func TestAChangingDirectoryIsNeverPackedWhole(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"a file shrinks":  func(path string) error { return os.Truncate(path, 5) },
		"a file grows":    func(path string) error { return os.Truncate(path, 5<<20) },
		"a file vanishes": os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			dir := writeDir(t, images())
			r, err := snapshot.OpenPack(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			size := r.Len()
			if err := change(filepath.Join(dir, "pages-1.img")); err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, r)
			if err == nil || n == int64(size) {
				t.Errorf("read %d of %d bytes, error %v: want an error before the end", n, size, err)
			}
			if p, err := r.Pack(); err == nil {
				t.Errorf("Pack = %v, want an error", p)
			}
		})
	}
}

func TestAPackReaderIsAReader(t *testing.T) {
	files := map[string][]byte{"a.img": []byte("some"), "b.img": {}, "c.img": []byte("thing"), "d.img": {}}
	r, err := snapshot.OpenPack(writeDir(t, files))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Len() != len("something") {
		t.Errorf("Len = %d", r.Len())
	}
	if err := iotest.TestReader(r, []byte("something")); err != nil {
		t.Error(err)
	}
	if p, err := r.Pack(); err != nil || p.Bytes != 9 || r.Len() != 0 {
		t.Errorf("Pack = %v, %v; %d bytes left", p, err, r.Len())
	}
}

// A server may answer as soon as it has the last byte, before anybody saw the
// end of the body.
func TestThePackIsKnownWithItsLastByte(t *testing.T) {
	r, err := snapshot.OpenPack(writeDir(t, images()))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Pack(); err == nil {
		t.Error("the pack is known before it was read")
	}
	if _, err := io.ReadFull(r, make([]byte, r.Len())); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Pack(); err != nil {
		t.Error(err)
	}
}

func TestPackingEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := snapshot.PackDir(ctx, writeDir(t, images()), io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}
