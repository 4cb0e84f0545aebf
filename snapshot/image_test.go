package snapshot_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

func TestAnImageDirectoryIsReadWithoutWhatNoRestoreReads(t *testing.T) {
	f := images()
	f["dump.log"], f["stats-dump"], f["pages-odd.img"] = []byte("log"), []byte("stats"), []byte("no page")
	image := openImage(t, f)
	defer image.Close()
	var names []string
	for _, file := range image.Files {
		names = append(names, file.Name)
	}
	for _, p := range image.Pages {
		names = append(names, p.Name)
	}
	if got := strings.Join(names, " "); got != "core-7.img empty.img inventory.img pages-odd.img pages-1.img pages-2.img" {
		t.Errorf("files %s", got)
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
		"nothing in it":  {func(dir string) error { return errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)) }, "no image files"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := writeDir(t, images())
			if err := tc.spoil(dir); err != nil {
				t.Fatal(err)
			}
			if _, err := snapshot.OpenImage(dir); err == nil || !strings.Contains(err.Error(), tc.names) {
				t.Errorf("error %v, want one that names %q", err, tc.names)
			}
		})
	}
}

func TestAnImageThatShrinksIsNotStored(t *testing.T) {
	s := newServer(t)
	dir := writeDir(t, images())
	image, err := snapshot.OpenImage(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "pages-1.img"), 5); err != nil {
		t.Fatal(err)
	}
	if _, err := s.store(t.Context(), s.storeRequest("s1", image)); err == nil || len(s.calls) > 0 {
		t.Errorf("error %v, calls %q: want an error and none", err, s.calls)
	}
}
