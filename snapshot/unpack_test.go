package snapshot_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

func TestUnpackGivesTheFilesBack(t *testing.T) {
	raw, p := packed(t, images())
	for name, r := range map[string]io.Reader{
		"at once":       bytes.NewReader(raw),
		"in small bits": iotest.HalfReader(bytes.NewReader(raw)),
		"end with data": iotest.DataErrReader(bytes.NewReader(raw)),
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "made", "by", "it")
			if err := snapshot.Unpack(t.Context(), r, p, dir); err != nil {
				t.Fatal(err)
			}
			sameFiles(t, readDir(t, dir), images())
			info, err := os.Stat(filepath.Join(dir, "core-7.img"))
			if err != nil || info.Mode() != 0o600 {
				t.Errorf("mode %v, %v: want 0600, these are secrets", info.Mode(), err)
			}
		})
	}
}

func TestUnpackFindsDamage(t *testing.T) {
	errBroken := errors.New("broken")
	raw, p := packed(t, images())
	flipped := bytes.Clone(raw)
	flipped[len(raw)-1] ^= 1
	swapped := bytes.Clone(raw)
	copy(swapped, "eroc")
	otherSum := p
	otherSum.SHA256 = strings.Repeat("0", 64)
	wicked := p
	wicked.Files = append([]snapshot.File{{Name: "../x", SHA256: p.SHA256}}, p.Files...)
	for name, tc := range map[string]struct {
		r    io.Reader
		p    snapshot.Pack
		want error
		says string
	}{
		"a flipped bit":         {bytes.NewReader(flipped), p, snapshot.ErrCorrupt, "pages-1.img"},
		"other data":            {bytes.NewReader(swapped), p, snapshot.ErrCorrupt, "core-7.img"},
		"a byte less":           {bytes.NewReader(raw[:len(raw)-1]), p, snapshot.ErrCorrupt, "pages-1.img"},
		"nothing":               {bytes.NewReader(nil), p, snapshot.ErrCorrupt, "core-7.img"},
		"a byte more":           {bytes.NewReader(append(bytes.Clone(raw), 0)), p, snapshot.ErrCorrupt, "longer"},
		"another sum of all":    {bytes.NewReader(raw), otherSum, snapshot.ErrCorrupt, "sha256 of the pack"},
		"a name that leads out": {bytes.NewReader(raw), wicked, snapshot.ErrCorrupt, "../x"},
		"a reader that fails":   {io.MultiReader(bytes.NewReader(raw[:9]), iotest.ErrReader(errBroken)), p, errBroken, "inventory.img"},
		"a connection cut":      {io.MultiReader(bytes.NewReader(raw[:9]), iotest.ErrReader(io.ErrUnexpectedEOF)), p, io.ErrUnexpectedEOF, "inventory.img"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			err := snapshot.Unpack(t.Context(), tc.r, tc.p, dir)
			if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("error %v, want %v that says %q", err, tc.want, tc.says)
			}
			if corrupt := errors.Is(tc.want, snapshot.ErrCorrupt); errors.Is(err, snapshot.ErrCorrupt) != corrupt {
				t.Errorf("error %v is ErrCorrupt: want %v", err, corrupt)
			}
			sameFiles(t, readDir(t, dir), nil)
		})
	}
}

func TestUnpackLeavesOtherFilesAlone(t *testing.T) {
	raw, p := packed(t, images())
	there := map[string][]byte{"inventory.img": []byte("somebody's")}
	dir := writeDir(t, there)
	if err := snapshot.Unpack(t.Context(), bytes.NewReader(raw), p, dir); !errors.Is(err, os.ErrExist) {
		t.Errorf("error %v, want that the file exists", err)
	}
	sameFiles(t, readDir(t, dir), there)
}

func TestUnpackEndsWithItsContext(t *testing.T) {
	raw, p := packed(t, images())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	if err := snapshot.Unpack(ctx, bytes.NewReader(raw), p, dir); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	sameFiles(t, readDir(t, dir), nil)
}
