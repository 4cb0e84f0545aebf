package criu

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// learnedFile is a file of ours among CRIU's: what the CRIU that took the
// snapshot knew of the kernel. A restore on the same boot of the same machine,
// in a container that has nothing but the pool, need not find it out again. The
// first line is the key of the cache (see kdatKey), the rest the cache.
const learnedFile = "pronghorn-learned"

// addLearned adds to an image what CRIU knows of the kernel, if it knows.
func (e *Engine) addLearned(img *snapshot.Image) {
	key, err := e.key()
	if err != nil {
		return
	}
	path := e.kdatPath()
	for _, key := range []string{key, unchecked + key} {
		if raw, ok := validKdat(path, key); ok {
			addFile(img, learnedFile, append([]byte(key+"\n"), raw...))
			return
		}
	}
}

// addFile adds a file that CRIU does not know to an image.
func addFile(img *snapshot.Image, name string, data []byte) {
	img.Files = append(img.Files, snapshot.ImageFile{Name: name, Data: data})
	slices.SortFunc(img.Files, func(a, b snapshot.ImageFile) int { return strings.Compare(a.Name, b.Name) })
}

// seedFromImage makes the cache from what the image in dir brings along, if that
// is of this kernel, this boot, this CRIU and these rights, and leaves a copy in
// seedDir. It reports whether it did.
func (e *Engine) seedFromImage(dir, seedDir string) bool {
	key, err := e.key()
	if err != nil {
		return false
	}
	content, err := os.ReadFile(filepath.Join(dir, learnedFile))
	if err != nil || len(content) > maxKdat {
		return false
	}
	of, raw, found := bytes.Cut(content, []byte("\n"))
	if !found || len(raw) == 0 || string(of) != key && string(of) != unchecked+key {
		return false
	}
	if reinstall(e.kdatPath(), string(of), raw) != nil {
		return false
	}
	keepSeed(seedDir, string(of), raw)
	return true
}
