package pool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

const (
	// staging is where objects are written before they get their names; no key
	// begins with a dot.
	staging = ".incoming"
	// staleAfter is the age from which an upload is taken for interrupted.
	staleAfter = time.Hour
	// renameTries bounds how often Put makes an object's directory again that a
	// Delete of its last object has just removed.
	renameTries = 100
)

// dir is a pool in a directory. Objects are files; they appear by renaming, so
// that nobody ever sees a part of one, and survive a crash once Put returned.
type dir struct{ root *os.Root }

func openDir(name string) (snapshot.Pool, error) {
	if err := os.MkdirAll(name, 0o700); err != nil {
		return nil, fmt.Errorf("make the pool directory: %w", err)
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("open the pool directory: %w", err)
	}
	d := &dir{root: root}
	if err := d.sweep(time.Now().Add(-staleAfter)); err != nil {
		return nil, errors.Join(fmt.Errorf("pool directory %s: %w", name, err), root.Close())
	}
	return d, nil
}

// sweep makes the staging directory and removes uploads from it that have not
// grown since before.
func (d *dir) sweep(before time.Time) error {
	if err := d.root.MkdirAll(staging, 0o700); err != nil {
		return fmt.Errorf("make it ready for uploads: %w", err)
	}
	entries, err := fs.ReadDir(d.root.FS(), staging)
	if err != nil {
		return fmt.Errorf("list interrupted uploads: %w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && info.ModTime().Before(before) {
			err = d.root.Remove(path.Join(staging, e.Name()))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // another agent may sweep too
			return fmt.Errorf("remove interrupted uploads: %w", err)
		}
	}
	return nil
}

// Put implements snapshot.Pool.
func (d *dir) Put(ctx context.Context, key string, r io.Reader, size int64) error {
	if err := errors.Join(ctx.Err(), checkPut(key, size)); err != nil {
		return err
	}
	temp, err := d.stage(ctxReader{ctx, r}, size)
	if err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	if err := d.publish(temp, key); err != nil {
		return errors.Join(fmt.Errorf("put %s: %w", key, err), d.root.Remove(temp))
	}
	return nil
}

// stage writes a temporary file to the disk and returns its name.
func (d *dir) stage(r io.Reader, size int64) (temp string, err error) {
	f, temp, err := d.createTemp()
	if err != nil {
		return "", err
	}
	err = exactly(f, r, size)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, d.root.Remove(temp))
	}
	return temp, nil
}

// publish gives the staged file its name. The directory is made again when a
// Delete removed it in between.
func (d *dir) publish(temp, key string) (err error) {
	for range renameTries {
		if err = d.root.MkdirAll(path.Dir(key), 0o700); err == nil {
			err = d.root.Rename(temp, key)
		}
		if err == nil {
			return d.syncParents(key)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return err
}

// syncParents makes the names that lead to key survive a crash.
func (d *dir) syncParents(key string) error {
	for key != "." {
		key = path.Dir(key)
		err := d.syncDir(key)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // the object is deleted already
			return err
		}
	}
	return nil
}

func (d *dir) syncDir(name string) error {
	f, err := d.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Get implements snapshot.Pool. The object stays readable when it is replaced
// or deleted meanwhile.
func (d *dir) Get(ctx context.Context, key string) (io.ReadCloser, int64, error) {
	f, size, err := d.open(ctx, key)
	if err != nil {
		return nil, 0, err
	}
	return object{Reader: ctxReader{ctx, f}, Closer: f}, size, nil
}

// GetRange implements snapshot.Pool.
func (d *dir) GetRange(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	if err := checkRange(key, offset, length); err != nil {
		return nil, err
	}
	f, size, err := d.open(ctx, key)
	if err != nil {
		return nil, err
	}
	if offset > size-length {
		return nil, errors.Join(outside(key, offset, length), f.Close())
	}
	return object{Reader: ctxReader{ctx, io.NewSectionReader(f, offset, length)}, Closer: f}, nil
}

func (d *dir) open(ctx context.Context, key string) (*os.File, int64, error) {
	if _, err := d.Stat(ctx, key); err != nil {
		return nil, 0, err
	}
	f, err := d.root.Open(key)
	if err != nil {
		return nil, 0, failed("get", key, err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(failed("get", key, err), f.Close())
	}
	return f, info.Size(), nil
}

// object is an open object.
type object struct {
	io.Reader
	io.Closer
}

// Stat implements snapshot.Pool.
func (d *dir) Stat(ctx context.Context, key string) (int64, error) {
	if err := errors.Join(ctx.Err(), snapshot.CheckKey(key)); err != nil {
		return 0, err
	}
	info, err := d.root.Stat(key)
	if err == nil && !info.Mode().IsRegular() { // the prefix of other keys
		err = fs.ErrNotExist
	}
	if err != nil {
		return 0, failed("stat", key, err)
	}
	return info.Size(), nil
}

// failed names the operation and maps what the file system says of a key that
// is not there; ENOTDIR is of one that continues another object's key.
func failed(op, key string, err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return fmt.Errorf("%s %s: %w", op, key, snapshot.ErrNotExist)
	}
	return fmt.Errorf("%s %s: %w", op, key, err)
}

// List implements snapshot.Pool.
func (d *dir) List(ctx context.Context, prefix string) ([]snapshot.Object, error) {
	start, err := listStart(prefix)
	if err != nil {
		return nil, err
	}
	var objects []snapshot.Object
	err = fs.WalkDir(d.root.FS(), start, func(key string, e fs.DirEntry, err error) error {
		if err := errors.Join(ctx.Err(), ignoreMissing(err)); err != nil {
			return err
		}
		if e == nil || key == staging {
			return fs.SkipDir
		}
		if !e.Type().IsRegular() || !strings.HasPrefix(key, prefix) {
			return nil
		}
		info, err := e.Info()
		if err == nil {
			objects = append(objects, snapshot.Object{Key: key, Bytes: info.Size(), Modified: info.ModTime()})
		}
		return ignoreMissing(err)
	})
	if err != nil {
		return nil, fmt.Errorf("list %q: %w", prefix, err)
	}
	slices.SortFunc(objects, func(a, b snapshot.Object) int { return strings.Compare(a.Key, b.Key) })
	return objects, nil
}

// listStart returns the directory that holds everything with the prefix.
func listStart(prefix string) (string, error) {
	parent, _, found := cutLast(prefix, "/")
	if !found {
		return ".", nil
	}
	return parent, snapshot.CheckKey(parent)
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// ignoreMissing forgives what was deleted while it was being listed.
func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	return err
}

// Delete implements snapshot.Pool. Directories that become empty go too.
func (d *dir) Delete(ctx context.Context, key string) error {
	_, err := d.Stat(ctx, key)
	if errors.Is(err, snapshot.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := ignoreMissing(d.root.Remove(key)); err != nil {
		return fmt.Errorf("delete %s: %w", key, err)
	}
	for parent := path.Dir(key); parent != "."; parent = path.Dir(parent) {
		if d.root.Remove(parent) != nil { // something is in it, which is fine
			break
		}
	}
	return nil
}
