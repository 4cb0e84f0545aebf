package watchdog

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// identityFiles is how many files of the working directory go into the
// identity: enough for a function with its libraries, and read in an instant.
const identityFiles = 20_000

// programIdentity stands in for the digest of the container image, which a
// container cannot see: a hash over the command, the files that it names, the
// names, sizes and times of the files in the working directory, where the
// function lies, and the function's environment, which a restored process
// would keep. So a snapshot of another build of the function, or of one with
// other settings, is never restored.
func programIdentity(args, environment []string) (string, error) {
	program, err := exec.LookPath(args[0])
	if err != nil {
		return "", err
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q\n", args)
	for _, path := range append([]string{program}, args[1:]...) {
		hashFile(h, path)
	}
	for _, variable := range settingsIn(environment) {
		fmt.Fprintf(h, "%q\n", variable)
	}
	if dir != "/" { // the root would be the whole system
		hashTree(h, os.DirFS(dir))
	}
	return hex.EncodeToString(h.Sum(nil)[:6]), nil
}

// hashFile adds what tells two builds of a file apart. An argument that names
// no file adds nothing.
func hashFile(h hash.Hash, path string) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return
	}
	if info, err := os.Stat(real); err == nil && info.Mode().IsRegular() {
		hashInfo(h, real, info)
	}
}

func hashInfo(h hash.Hash, path string, info fs.FileInfo) {
	fmt.Fprintf(h, "%s %d %d\n", path, info.Size(), info.ModTime().UnixNano())
}

// hashTree adds the files of a tree, in lexical order. One that cannot be read
// is left out: the function may be writing there.
func hashTree(h hash.Hash, tree fs.FS) {
	left := identityFiles
	_ = fs.WalkDir(tree, ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil
		case left == 0:
			return fs.SkipAll
		case entry.IsDir() && ignored(path):
			return fs.SkipDir
		case !entry.Type().IsRegular():
			return nil
		}
		if info, err := entry.Info(); err == nil {
			hashInfo(h, path, info)
			left--
		}
		return nil
	})
}

// ignored leaves out what a run of the function may write itself.
func ignored(dir string) bool {
	name := filepath.Base(dir)
	return dir != "." && (name == "__pycache__" || strings.HasPrefix(name, "."))
}
