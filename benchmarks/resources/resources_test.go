package resources

import (
	"bytes"
	"image"
	_ "image/jpeg"
	_ "image/png"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTextHasThePublishedNumberOfLines(t *testing.T) {
	got := prose(seeded("text"), textLines)
	lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
	empty := 0
	for _, l := range lines {
		if l == "" {
			empty++
		}
	}
	if len(lines) != 5004 || empty < 450 || empty > 600 {
		t.Errorf("%d lines, %d of them empty; want 5004 and about 529", len(lines), empty)
	}
	if kb := len(got) / 1000; kb < 180 || kb > 250 {
		t.Errorf("%d kB, want about 210", kb)
	}
	if again := prose(seeded("text"), textLines); again != got {
		t.Error("the second text differs from the first")
	}
}

func TestTreeIsTenMegabytesOfManyFiles(t *testing.T) {
	dir := t.TempDir()
	if err := Write(dir, "tree"); err != nil {
		t.Fatal(err)
	}
	files, size := measure(t, filepath.Join(dir, "tree"))
	if files != documents+texts || size < 9_500_000 || size > 10_500_000 {
		t.Errorf("%d files of %d bytes, want %d of about 10 MB", files, size, documents+texts)
	}
}

func measure(t *testing.T, dir string) (files int, size int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		files, size = files+1, size+info.Size()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files, size
}

func TestPicturesHaveTheirSizes(t *testing.T) {
	if testing.Short() {
		t.Skip("a short run leaves out the large picture")
	}
	dir := t.TempDir()
	if err := Write(dir, "photo.jpg", "watermark.png"); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]image.Point{"photo.jpg": {6000, 4000}, "watermark.png": {240, 320}} {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cfg, _, err := image.DecodeConfig(f)
		if err != nil || (image.Point{cfg.Width, cfg.Height}) != want {
			t.Errorf("%s: %+v, %v; want %v", name, cfg, err, want)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "photo.jpg")); err != nil || info.Size() < 3_500_000 || info.Size() > 4_700_000 {
		t.Errorf("photo: %v, %v; want about 4.1 MB", info.Size(), err)
	}
}

func TestWhatIsThereStays(t *testing.T) {
	dir := t.TempDir()
	mine := filepath.Join(dir, "text.txt")
	if err := os.WriteFile(mine, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, "text.txt"); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(mine); string(got) != "mine" {
		t.Errorf("the file was replaced: %.20q, %v", got, err)
	}
}

func TestUnknownNamesAreRefused(t *testing.T) {
	err := Write(t.TempDir(), "song.mp3")
	if err == nil || !strings.Contains(err.Error(), "song.mp3") || !strings.Contains(err.Error(), "film.mp4") {
		t.Errorf("error %v, want one that names it and those there are", err)
	}
}

func TestObjectsAreServed(t *testing.T) {
	server := httptest.NewServer(Objects())
	defer server.Close()
	first, again := download(t, server.URL+"/1"), download(t, server.URL+"/1")
	if len(first) != 230_000 || !bytes.Equal(first, again) {
		t.Errorf("%d bytes, the same again: %t; want 230000, true", len(first), bytes.Equal(first, again))
	}
	if second := download(t, server.URL+"/2"); len(second) != 2_400_000 || bytes.Equal(second[:100], first[:100]) {
		t.Errorf("%d bytes, want 2400000 of its own", len(second))
	}
	resp, err := http.Get(server.URL + "/4")
	if err != nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("object 4: %v, %v; want 404", resp.StatusCode, err)
	}
}

func download(t *testing.T, url string) []byte {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return body
}
