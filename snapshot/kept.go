package snapshot

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/background"
)

// Directories of the cache that are no function's.
const (
	// cacheImages has a directory for each image, named by its manifest's SHA-256.
	cacheImages = ".images"
	// cacheStaging has what is on its way into that one, or out of it.
	cacheStaging = ".staging"
)

const (
	// startPrefix begins the names of directories that starts read from.
	startPrefix = "start-"
	// startAge is when a start is long over, whatever became of its container.
	startAge = 10 * time.Minute
	// keeperLock is the file whose lock the one has that keeps an image.
	keeperLock = cacheStaging + "/.lock"
)

// Keep keeps an image that was fetched, so that the next Fetch of it has nothing
// to unpack and nothing to copy. It uses one CPU, as a function is running
// meanwhile, and does nothing if the image is there already, or somebody is
// keeping one, or there is no room, or the image is not complete, or the snapshot is encrypted, since this
// would put it on a disk in the clear. After an error everything is as before.
func (c *Cache) Keep(ctx context.Context, f Fetched) error {
	if !c.Wants(f) || !f.complete() {
		return nil
	}
	var err error
	background.Do(func() { err = c.keepFetched(ctx, f) })
	if err != nil {
		return fmt.Errorf("keep the image of snapshot %s in the cache: %w", f.Manifest.ID, err)
	}
	return nil
}

// Wants reports whether there is anything for Keep to do.
func (c *Cache) Wants(f Fetched) bool {
	return !f.Kept && f.Dir != "" && c.lacks(f.Manifest, f.manifestSHA256)
}

// lacks reports whether an image that may be kept is not there.
func (c *Cache) lacks(m Manifest, sum string) bool {
	if c == nil || !validSHA256(sum) || len(m.KeyIDs()) > 0 {
		return false
	}
	_, err := c.root.Lstat(path.Join(cacheImages, sum))
	return errors.Is(err, fs.ErrNotExist)
}

func (c *Cache) keepFetched(ctx context.Context, f Fetched) error {
	dir, err := os.OpenRoot(f.Dir)
	if err != nil {
		return err
	}
	defer dir.Close()
	return c.keep(ctx, f.Manifest, f.manifestSHA256, fromDir(dir))
}

func (c *Cache) keep(ctx context.Context, m Manifest, sum string, from original) error {
	only, err := c.root.OpenFile(keeperLock, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer only.Close()
	if !lock(only) {
		return nil
	}
	c.sweep(true)
	if !c.makeRoomForImage(m, keptBytes(m)) {
		return nil
	}
	staging, err := c.stage("keep-")
	if err != nil {
		return err
	}
	defer c.root.RemoveAll(staging)
	if err := c.copyTo(ctx, staging, m, sum, from); err != nil {
		return err
	}
	err = c.root.Rename(staging, path.Join(cacheImages, sum))
	if errors.Is(err, fs.ErrExist) { // somebody else was first
		return nil
	}
	return err
}

// copyTo copies an image into a directory of the cache, if what is there can be
// linked: else nobody could use it.
func (c *Cache) copyTo(ctx context.Context, staging string, m Manifest, sum string, from original) error {
	link := path.Join(staging, sumsFile)
	if err := errors.Join(c.root.Link(keeperLock, link), c.root.Remove(link)); err != nil {
		return err
	}
	return c.copyImage(ctx, m, sum, from, staging)
}

// keptBytes is what an image takes on the disk.
func keptBytes(m Manifest) int64 {
	pages := int64(sumsIn(m))
	n := 2*PageSize + pages*(PageSize+sumBytes)          // with the directory and the sums
	return n + int64(len(m.Files)+len(m.Pages))*PageSize // empty ones count too
}

// stage makes a new directory for what is not complete.
func (c *Cache) stage(prefix string) (string, error) {
	name := path.Join(cacheStaging, prefix+rand.Text())
	return name, c.root.Mkdir(name, 0o700)
}

// useImage links an image that is kept into a new directory, so that nobody can
// evict it, verifies it, and returns the directory, or "". An image that is
// damaged is dropped.
func (c *Cache) useImage(ctx context.Context, m Manifest, sum string) string {
	if c == nil || len(m.KeyIDs()) > 0 || !validSHA256(sum) {
		return ""
	}
	kept := path.Join(cacheImages, sum)
	info, err := c.root.Lstat(kept)
	if err != nil {
		return ""
	}
	if !info.IsDir() {
		c.dropImage(sum)
		return ""
	}
	c.touch(kept)
	staging, err := c.stage(startPrefix)
	if err != nil {
		return ""
	}
	if err = c.linkImage(kept, staging, m); err == nil {
		err = c.checkLinked(ctx, staging, m, sum)
	}
	if err == nil {
		return filepath.Join(c.root.Name(), filepath.FromSlash(staging))
	}
	_ = c.root.RemoveAll(staging)
	if errors.Is(err, errDamaged) && ctx.Err() == nil {
		c.dropImage(sum)
	}
	return ""
}

// linkImage makes links to the files of an image, and to their sums. A file
// that is none is damage; that there can be no link is not.
func (c *Cache) linkImage(kept, to string, m Manifest) error {
	for _, name := range append(m.fileNames(), sumsFile) {
		from := path.Join(kept, name)
		err := c.root.Link(from, path.Join(to, name))
		if err == nil {
			continue
		}
		if info, errInfo := c.root.Lstat(from); errInfo != nil || !info.Mode().IsRegular() {
			return errors.Join(errDamaged, err)
		}
		return err
	}
	return nil
}

// checkLinked verifies an image that was linked, whatever goes wrong with that
// is damage.
func (c *Cache) checkLinked(ctx context.Context, staging string, m Manifest, sum string) error {
	dir, err := c.root.OpenRoot(staging)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := checkImage(ctx, dir, m, sum); err != nil {
		return errors.Join(errDamaged, err)
	}
	return dir.Remove(sumsFile)
}

// fileNames are those of the files of the image.
func (m Manifest) fileNames() []string {
	names := make([]string, 0, len(m.Files)+len(m.Pages))
	for _, f := range m.Files {
		names = append(names, f.Name)
	}
	for _, p := range m.Pages {
		names = append(names, p.Name)
	}
	return names
}

// dropImage removes an image at once, as others see it. Who has linked its files
// keeps them.
func (c *Cache) dropImage(sum string) bool {
	gone := path.Join(cacheStaging, "drop-"+rand.Text())
	if err := c.root.Rename(path.Join(cacheImages, sum), gone); err != nil {
		return false
	}
	return c.root.RemoveAll(gone) == nil
}

// sweep removes what crashed containers have left: what they read from when it
// is old, and, if this is the keeper, what they were making.
func (c *Cache) sweep(keeper bool) {
	entries, err := fs.ReadDir(c.root.FS(), cacheStaging)
	if err != nil {
		return
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !e.IsDir() {
			continue
		}
		making := !strings.HasPrefix(e.Name(), startPrefix)
		if time.Since(info.ModTime()) > startAge || keeper && making {
			_ = c.root.RemoveAll(path.Join(cacheStaging, e.Name()))
		}
	}
}
