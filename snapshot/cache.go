package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// cacheManifests is the directory of the manifests; no function is called so.
	cacheManifests = ".manifests"
	// lockPoll is how often a fetch looks whether another one is done with a pack.
	lockPoll = 3 * time.Millisecond
	// lockWait is how long it waits before it downloads itself.
	lockWait = 5 * time.Second
)

// Cache is a node-local cache of what was fetched from the pool, for many
// processes and containers at once. It holds frames as they are in the pool, so
// what is encrypted there is encrypted here: a file for each pack, with holes
// where frames are missing. Nothing in it is trusted. Every frame is compared
// with its checksum when it is used; one that is missing, damaged or half
// written is fetched again and put in its place. So a crash needs no recovery,
// and two writers of a frame do no harm.
//
// While one fetch downloads from a pack, others wait for it, as the lock of the
// pack's file tells; the kernel releases that with the process.
//
// Beside the packs it holds images as Fetch assembles them, which Keep adds.
type Cache struct {
	root *os.Root
	max  int64
}

// NewCache returns the cache in dir, which is made when it is missing. It holds
// at most maxBytes, beyond which images, and then the packs that were not used
// for longest, go; a fetch that needs more than that is not cached.
func NewCache(dir string, maxBytes int64) (*Cache, error) {
	if maxBytes < 1 {
		return nil, fmt.Errorf("cache %s: at most %d bytes: want 1 or more", dir, maxBytes)
	}
	for _, own := range []string{cacheManifests, cacheImages, cacheStaging} {
		if err := os.MkdirAll(path.Join(dir, own), 0o700); err != nil {
			return nil, fmt.Errorf("make the cache: %w", err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the cache: %w", err)
	}
	c := &Cache{root: root, max: maxBytes}
	c.sweep(false)
	return c, nil
}

// Close releases the directory; what is cached stays.
func (c *Cache) Close() error {
	if c == nil {
		return nil
	}
	return c.root.Close()
}

// manifest returns a manifest with the checksum, or nil.
func (c *Cache) manifest(sum string) []byte {
	if c == nil || !validSHA256(sum) {
		return nil
	}
	name := path.Join(cacheManifests, sum)
	info, err := c.root.Stat(name)
	if err != nil || info.Size() > maxManifest {
		return nil
	}
	raw, err := c.root.ReadFile(name)
	if err != nil || sha256Hex(raw) != sum {
		return nil
	}
	c.touch(name)
	return raw
}

// addManifest keeps a manifest; that it cannot is nobody's concern.
func (c *Cache) addManifest(sum string, raw []byte) {
	if c != nil && c.makeRoom(int64(len(raw))) {
		_ = c.root.WriteFile(path.Join(cacheManifests, sum), raw, 0o600)
	}
}

func (c *Cache) touch(name string) {
	now := time.Now()
	_ = c.root.Chtimes(name, now, now) // it may have been evicted
}

// pack opens the file of a pack. Without a cache, or one that cannot be written
// to, it returns nil, which has nothing and keeps nothing.
func (c *Cache) pack(function, id string) *cachedPack {
	if c == nil {
		return nil
	}
	name := path.Join(function, id)
	f, err := c.openPack(function, name)
	if err != nil {
		return nil
	}
	c.touch(name)
	return &cachedPack{file: f}
}

func (c *Cache) openPack(function, name string) (*os.File, error) {
	const flags = os.O_RDWR | os.O_CREATE
	f, err := c.root.OpenFile(name, flags, 0o600)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	if err := c.root.Mkdir(function, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return c.root.OpenFile(name, flags, 0o600)
}

// addPack keeps a pack that was just stored: the next start on this node reads
// it.
func (c *Cache) addPack(m Manifest, pack *spool) {
	if c == nil || !c.makeRoom(pack.size) {
		return
	}
	p := c.pack(m.Function, m.Packs[0].ID)
	defer p.close()
	body, err := pack.open()
	if err != nil {
		return
	}
	whole := frameRange{bytes: pack.size, frames: m.packFrames(0)}
	buf := make([]byte, maxFrameRaw+frameOverhead)
	_ = whole.each(body, func(f Frame) []byte { return buf[:f.Bytes] }, func(f Frame, stored []byte) error {
		p.write(f, stored)
		return nil
	})
}

// cachedPack is what of a pack is cached; nil is nothing.
type cachedPack struct {
	file *os.File
	off  atomic.Bool // nothing is kept any more
}

// read returns the stored bytes of a frame, verified, in buf; or nil.
func (p *cachedPack) read(f Frame, buf []byte) []byte {
	if p == nil {
		return nil
	}
	stored := buf[:f.Bytes]
	if n, _ := p.file.ReadAt(stored, f.Offset); n < len(stored) || !f.matches(stored) {
		return nil
	}
	return stored
}

// write keeps a frame. When the disk is full, or broken, nothing more is kept.
func (p *cachedPack) write(f Frame, stored []byte) {
	if p == nil || p.off.Load() {
		return
	}
	if _, err := p.file.WriteAt(stored, f.Offset); err != nil {
		p.off.Store(true)
	}
}

// awaitOther waits while another fetch downloads from the pack, but not beyond
// patience, and returns true when that is done. Otherwise this fetch has the
// lock now, or has lost its patience, and downloads.
func (p *cachedPack) awaitOther(ctx context.Context, patience time.Time) bool {
	if p == nil || p.lock() {
		return false
	}
	for time.Now().Before(patience) {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(lockPoll):
		}
		if p.lock() {
			p.unlock() // for others that wait
			return true
		}
	}
	return false
}

// lock is false only if another fetch has the lock: where a file system has
// none, everybody downloads.
func (p *cachedPack) lock() bool { return lock(p.file) }

func lock(f *os.File) bool {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			return !errors.Is(err, syscall.EWOULDBLOCK)
		}
	}
}

func (p *cachedPack) unlock() { _ = syscall.Flock(int(p.file.Fd()), syscall.LOCK_UN) }

// close ends the use, and the lock.
func (p *cachedPack) close() {
	if p != nil {
		_ = p.file.Close()
	}
}
