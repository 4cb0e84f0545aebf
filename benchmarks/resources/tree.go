package resources

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const (
	// The tree has files that hardly compress, as documents with pictures
	// do, and texts, which do.
	documents     = 14
	documentBytes = 650_000
	texts         = 18
	textsLines    = 1150
)

// tree writes the files that compress packs: 10 MB in directories.
func tree(path string) error {
	for i := range documents {
		name := filepath.Join(path, "documents", fmt.Sprintf("document-%02d.bin", i))
		// Sizes differ, from a half to one and a half of the mean.
		if err := randomFile(name, documentBytes/2+int64(i)*documentBytes/(documents-1)); err != nil {
			return err
		}
	}
	for i := range texts {
		name := filepath.Join(path, "texts", fmt.Sprintf("part-%d", i%3), fmt.Sprintf("text-%02d.txt", i))
		if err := textFile(name); err != nil {
			return err
		}
	}
	return nil
}

func randomFile(path string, size int64) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, stream(filepath.Base(path)), size)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

func textFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(prose(seeded(filepath.Base(path)), textsLines)), 0o644)
}
