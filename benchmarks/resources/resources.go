// Package resources makes the inputs that benchmark functions come with: a
// photo, a film, a text, a tree of files, and objects for download. All of them
// are generated, the same bytes in each call (the film: with the same ffmpeg),
// so that the repository holds no large file and nobody else's work. Their
// sizes follow the published evaluation's.
package resources

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// makers write one resource each to a path.
var makers = map[string]func(path string) error{
	"film.mp4":      film,
	"photo.jpg":     photo,
	"text.txt":      text,
	"tree":          tree,
	"watermark.png": watermark,
}

// Names lists the resources.
func Names() []string { return slices.Sorted(maps.Keys(makers)) }

// Write makes resources in a directory. What is there already is left alone;
// what is interrupted leaves nothing under the resource's name.
func Write(dir string, names ...string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, name := range names {
		if err := write(dir, name); err != nil {
			return fmt.Errorf("resource %s: %w", name, err)
		}
	}
	return nil
}

func write(dir, name string) error {
	maker, ok := makers[name]
	if !ok {
		return fmt.Errorf("unknown: want one of %s", strings.Join(Names(), ", "))
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	scratch, err := os.MkdirTemp(dir, ".new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	made := filepath.Join(scratch, name)
	if err := maker(made); err != nil {
		return err
	}
	return os.Rename(made, path)
}

// seeded is the random source of a resource, the same in each call.
func seeded(resource string) *rand.Rand {
	return rand.New(stream(resource))
}

// stream gives the bytes of a resource, the same in each call.
func stream(resource string) *rand.ChaCha8 {
	var seed [32]byte
	copy(seed[:], resource)
	return rand.NewChaCha8(seed)
}
