package snapshot

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"
)

// diskBlock is what the file system counts in; the smallest file takes a page.
const diskBlock = 512

// cached is what of the cache is evicted as a whole: a file, or an image.
type cached struct {
	name  string
	bytes int64 // that it takes on the disk
	used  time.Time
	image bool
	// staged is what a keeper or a start still works on; it is not evicted.
	staged bool
}

// makeRoom evicts until there is room for so many bytes more: images first,
// which can be made again, and then what was not used for longest. It reports
// whether there is. A file that is in use stays readable for who has it open.
func (c *Cache) makeRoom(bytes int64) bool {
	if bytes > c.max {
		return false
	}
	all := c.contents()
	excess := c.evict(all, total(all)+bytes-c.max, func(e cached) bool { return e.image })
	return c.evict(all, excess, func(e cached) bool { return !e.image }) <= 0
}

// makeRoomForImage is makeRoom for an image, which takes the place of other
// images, of which there is at most half a cache, and of packs that it is not
// made of: else packs that nobody uses any more would leave no room for any.
func (c *Cache) makeRoomForImage(m Manifest, bytes int64) bool {
	if bytes > c.max/2 {
		return false
	}
	every := func(cached) bool { return true }
	images := slices.DeleteFunc(c.contents(), func(e cached) bool { return !e.image })
	if c.evict(images, total(images)+bytes-c.max/2, every) > 0 {
		return false
	}
	all := c.contents()
	return c.evict(all, total(all)+bytes-c.max, func(e cached) bool { return !e.image && !m.needs(e.name) }) <= 0
}

// needs reports whether a file of the cache is one of the snapshot's packs.
func (m Manifest) needs(name string) bool {
	return path.Dir(name) == m.Function && slices.Contains(m.PackIDs(), path.Base(name))
}

func total(all []cached) (bytes int64) {
	for _, e := range all {
		bytes += e.bytes
	}
	return bytes
}

// evict removes those that may go until there are so many bytes less, what was
// not used for longest first, and returns how many are still too many.
func (c *Cache) evict(all []cached, excess int64, may func(cached) bool) int64 {
	slices.SortFunc(all, func(a, b cached) int { return a.used.Compare(b.used) })
	for _, e := range all {
		if excess > 0 && !e.staged && may(e) && c.remove(e) {
			excess -= e.bytes
		}
	}
	return excess
}

func (c *Cache) remove(e cached) bool {
	if e.image {
		return c.dropImage(path.Base(e.name))
	}
	return c.root.Remove(e.name) == nil
}

// contents lists the cache, as far as others do not change it meanwhile. What
// is linked into several directories is counted in one.
func (c *Cache) contents() []cached {
	var all []cached
	inodes := map[uint64]bool{}
	_ = fs.WalkDir(c.root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		info, err := e.Info()
		if err != nil {
			return nil
		}
		size := info.Size()
		stat, ok := info.Sys().(*syscall.Stat_t)
		if ok {
			size = stat.Blocks * diskBlock // packs have holes
		}
		isImage := path.Dir(name) == cacheImages
		switch {
		case e.IsDir() && isImage:
			all = append(all, cached{name: name, bytes: PageSize, used: info.ModTime(), image: true})
		case e.IsDir(), ok && stat.Nlink > 1 && inodes[stat.Ino]:
		case path.Dir(path.Dir(name)) == cacheImages:
			all[len(all)-1].bytes += max(size, PageSize) // of the directory around it
		default:
			all = append(all, cached{name: name, bytes: max(size, PageSize), used: info.ModTime(), staged: strings.HasPrefix(name, cacheStaging+"/")})
		}
		if ok {
			inodes[stat.Ino] = true
		}
		return nil
	})
	return all
}
