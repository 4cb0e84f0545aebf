package criu

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// CRIU keeps what it found out about the kernel in a file. Without it every
// dump and every restore takes 29 to 35 ms longer (measured). It reads the
// file from any file system but writes it to tmpfs only, and it does not
// notice that the file is of another kernel or another boot.
const (
	kdatName = "criu.kdat"
	kdatDir  = "/run"
	// kdatStamp, beside the file, says for what it is valid.
	kdatStamp = ".pronghorn"
	// unchecked is in front of the key of a cache that was made without looking
	// whether CRIU works.
	unchecked = "unchecked-"
)

// maxKdat bounds the file, in bytes; it has 912 in CRIU 4.2.1.
const maxKdat = 64 << 10

var errNoKdat = errors.New("CRIU wrote no cache: every dump and restore takes some 30 ms longer")

// Seed makes sure that CRIU finds its cache, and that it is one of this
// kernel, this boot, this CRIU and these rights. It takes it from seedDir, a
// directory of the node that outlives containers ("" = there is none), or has
// it made by `criu check` and leaves a copy there. Several may do so at once.
//
// Of a cache that comes from Restore.Learn, here or in another container, it
// first has `criu check` say that CRIU works.
//
// The error wraps ErrUnavailable if CRIU says that it cannot work here. Any
// other error costs time only.
func (e *Engine) Seed(ctx context.Context, seedDir string) error {
	if err := e.seed(ctx, seedDir); err != nil {
		return fmt.Errorf("seed CRIU's cache: %w", err)
	}
	return nil
}

// SeedFrom makes sure of the same if that takes no CRIU: if the cache is there,
// or in seedDir. It takes 1 to 2 ms, and reports whether that is so.
func (e *Engine) SeedFrom(seedDir string) bool {
	key, err := e.key()
	if err == nil {
		err = e.seedFrom(key, seedDir)
	}
	return err == nil || errors.Is(err, errUnchecked)
}

var (
	// errNoSeed says that the cache is neither there nor in the seed directory.
	errNoSeed = errors.New("no cache of this kernel, boot and CRIU")
	// errUnchecked says that it is there, and CRIU was not asked whether it works.
	errUnchecked = errors.New("CRIU was not checked")
)

// seedFrom makes sure that no cache of another key is left, and puts the right
// one there if there is one, better one of a CRIU that was checked.
func (e *Engine) seedFrom(key, seedDir string) error {
	path := e.kdatPath()
	if raw, ok := validKdat(path, key); ok {
		keepSeed(seedDir, key, raw)
		return nil
	}
	if raw, ok := readSeed(seedDir, key); ok {
		return reinstall(path, key, raw)
	}
	if raw, ok := validKdat(path, unchecked+key); ok {
		keepSeed(seedDir, unchecked+key, raw)
		return errUnchecked
	}
	if err := clean(path); err != nil {
		return err
	}
	raw, ok := readSeed(seedDir, unchecked+key)
	if !ok {
		return errNoSeed
	}
	if err := installKdat(path, unchecked+key, raw); err != nil {
		return err
	}
	return errUnchecked
}

// reinstall installs a cache where another one may be, or no directory.
func reinstall(path, key string, raw []byte) error {
	if err := clean(path); err != nil {
		return err
	}
	return installKdat(path, key, raw)
}

func (e *Engine) seed(ctx context.Context, seedDir string) error {
	key, err := e.key()
	if err != nil {
		return e.unseeded(ctx, err)
	}
	path := e.kdatPath()
	ask := e.makeKdat
	switch err := e.seedFrom(key, seedDir); {
	case err == nil:
		return nil
	case errors.Is(err, errUnchecked):
		ask = e.checkAndRead
	case !errors.Is(err, errNoSeed):
		return e.unseeded(ctx, err)
	}
	raw, err := ask(ctx, path)
	if err != nil {
		return err
	}
	keepSeed(seedDir, key, raw)
	if seedDir != "" {
		_ = os.Remove(seedPath(seedDir, unchecked+key)) // nobody asks for it any more
	}
	return installKdat(path, key, raw)
}

// unseeded says why there is no cache, unless CRIU cannot work at all.
func (e *Engine) unseeded(ctx context.Context, why error) error {
	if err := e.Check(ctx); err != nil {
		return err
	}
	return why
}

// clean makes the directory of the cache and removes a cache that is not valid.
func clean(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if !private(dir) {
		return fmt.Errorf("others may write to %s", dir)
	}
	return removeKdat(path)
}

// kdatPath is where CRIU looks for its cache.
func (e *Engine) kdatPath() string {
	if e.mode == Unprivileged {
		return filepath.Join(runtimeDir(), kdatName)
	}
	return filepath.Join(kdatDir, kdatName)
}

// runtimeDir is what an unprivileged CRIU gets as XDG_RUNTIME_DIR.
func runtimeDir() string { return fmt.Sprintf("/dev/shm/pronghorn-%d", os.Geteuid()) }

// kdatKey names all that the cache depends on. What is found out without
// libraries or a PATH says of iptables and nftables that they are not there.
func (e *Engine) kdatKey() (string, error) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "", err
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", err
	}
	status, err := readStatus(os.DirFS("/"))
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintln(h, unix.ByteSliceToString(name.Release[:]), unix.ByteSliceToString(name.Version[:]), strings.TrimSpace(string(boot)), e.mode, status.effective, e.bin.lean, e.bin.own)
	f, err := os.Open(e.bin.program())
	if err != nil {
		return "", err
	}
	defer f.Close()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}

// stamp says that the content is valid for the key.
func stamp(key string, raw []byte) string { return fmt.Sprintf("%s %x\n", key, sha256.Sum256(raw)) }

func validKdat(path, key string) ([]byte, bool) {
	raw, ok := readOwn(path)
	if !ok {
		return nil, false
	}
	found, ok := readOwn(path + kdatStamp)
	return raw, ok && string(found) == stamp(key, raw)
}

// readOwn reads a small file that nobody but us or root may have written.
func readOwn(path string) ([]byte, bool) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o022 != 0 || !ours(info) {
		return nil, false
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxKdat+1))
	return raw, err == nil && len(raw) > 0 && len(raw) <= maxKdat
}

func ours(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && (stat.Uid == 0 || int(stat.Uid) == os.Geteuid())
}

// private reports whether nobody else can replace our files in a directory.
func private(dir string) bool {
	info, err := os.Lstat(dir)
	return err == nil && info.IsDir() && ours(info) && (info.Mode().Perm()&0o022 == 0 || info.Mode()&os.ModeSticky != 0)
}

func removeKdat(path string) error {
	return errors.Join(ignoreMissing(os.Remove(path+kdatStamp)), ignoreMissing(os.Remove(path)))
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// installKdat puts the cache where CRIU looks for it. Whoever reads sees all of
// it or nothing.
func installKdat(path, key string, raw []byte) error {
	return errors.Join(replace(path, raw), replace(path+kdatStamp, []byte(stamp(key, raw))))
}

func replace(path string, raw []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

func seedPath(dir, key string) string { return filepath.Join(dir, "criu-"+key+".kdat") }

func readSeed(dir, key string) ([]byte, bool) {
	if dir == "" {
		return nil, false
	}
	return readOwn(seedPath(dir, key))
}

// keepSeed leaves a copy for other containers of the node, if it can.
func keepSeed(dir, key string, raw []byte) {
	if dir == "" {
		return
	}
	if _, ok := readSeed(dir, key); !ok && os.MkdirAll(dir, 0o700) == nil {
		_ = replace(seedPath(dir, key), raw)
	}
}

// makeKdat has CRIU make the cache.
func (e *Engine) makeKdat(ctx context.Context, path string) (raw []byte, err error) {
	if onTmpfs(path) {
		return e.checkAndRead(ctx, path)
	}
	inPrivate := false
	onOwnThread(func() {
		if privateTmpfs(filepath.Dir(path)) == nil {
			inPrivate = true
			raw, err = e.checkAndRead(ctx, path)
		}
	})
	if !inPrivate {
		return nil, e.unseeded(ctx, errNoKdat)
	}
	return raw, err
}

// onTmpfs reports whether CRIU would write its cache there.
func onTmpfs(path string) bool {
	var fs unix.Statfs_t
	return unix.Statfs(filepath.Dir(path), &fs) == nil && fs.Type == unix.TMPFS_MAGIC
}

// checkAndRead has CRIU check, which makes the cache if there is none.
func (e *Engine) checkAndRead(ctx context.Context, path string) ([]byte, error) {
	if err := e.Check(ctx); err != nil {
		return nil, err
	}
	raw, ok := readOwn(path)
	if !ok {
		return nil, errNoKdat
	}
	return raw, nil
}

// privateTmpfs gives the calling thread a mount namespace of its own, in which
// dir is an empty tmpfs. It needs CAP_SYS_ADMIN.
func privateTmpfs(dir string) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	return unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "size=1m,mode=0700")
}

// onOwnThread runs f on a thread that ends with it, and that is not the main
// one: that cannot end, and stands for the whole process in /proc.
func onOwnThread(f func()) {
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			onOwnThread(f) // this thread is taken meanwhile
			runtime.UnlockOSThread()
		} else {
			f() // locked to the end, with which the thread goes
		}
		close(done)
	}()
	<-done
}
