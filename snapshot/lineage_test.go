package snapshot_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// lineageEnv names a directory with images of a lineage in s1, s2, ….
const lineageEnv = "PRONGHORN_LINEAGE"

func TestLineageExperiment(t *testing.T) {
	root := os.Getenv(lineageEnv)
	if root == "" {
		t.Skip()
	}
	s := newServer(t)
	tr := snapshot.NewTransfer(nil)
	var base *snapshot.Base
	var full, kept, moved int64
	for i := 1; ; i++ {
		dir := filepath.Join(root, fmt.Sprintf("s%d", i))
		if _, err := os.Stat(dir); err != nil {
			break
		}
		image, err := snapshot.OpenImage(dir)
		if err != nil {
			t.Fatal(err)
		}
		id := fmt.Sprintf("s%d", i)
		req := s.storeRequest(id, image)
		req.Base, req.Share = base, base.Packs()
		got, err := tr.Store(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		m := s.manifest(t, id)
		raw, _ := s.object(manifestPath(id))
		out := filepath.Join(tmpfs(t), "x")
		begin := time.Now()
		f, err := tr.Fetch(t.Context(), s.fetchRequest(id, got.ManifestSHA256, out))
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(begin)
		begin = time.Now()
		base, err = snapshot.NewBase(t.Context(), m, out)
		if err != nil {
			t.Fatal(err)
		}
		baseTook := time.Since(begin)
		_ = os.RemoveAll(out)
		full += m.ImageBytes()
		kept += got.StoredBytes
		moved += f.Moved
		frames := 0
		for _, p := range m.Packs {
			frames += len(p.Frames)
		}
		t.Logf("%s: image %s pages %d zero %d shared %d new %d rep %d; stored %d KB manifest %d KB packs %d frames %d; hash %v pack %v up %v; fetched %d KB down %v asm %v total %v; base %v", id, megabytes(m.ImageBytes()),
			got.Pages, got.Zero, got.Shared, got.New, got.Repeated, got.StoredBytes/1000, len(raw)/1000, len(m.Packs), frames,
			got.HashTime.Round(1e5), got.PackTime.Round(1e5), got.UploadTime.Round(1e5), f.Moved/1000, f.DownloadTime.Round(1e5), f.AssembleTime.Round(1e5), took.Round(1e5), baseTook.Round(1e5))
	}
	t.Logf("full %s kept %s ratio %.1f; fetched %s (%.1f)", megabytes(full), megabytes(kept), float64(full)/float64(kept), megabytes(moved), float64(full)/float64(moved))
}
