package criu_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pronghorn-faas/pronghorn/snapshot/criu"
)

func content(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// onDisk gives /run a directory that is no tmpfs.
func onDisk(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "run-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := unix.Mount(dir, "/run", "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount("/run", unix.MNT_DETACH) })
}

func seed(t *testing.T, e *criu.Engine, dir string) {
	t.Helper()
	if err := e.Seed(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
}

func TestCacheIsMadeKeptAndFoundAgain(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	for _, run := range []string{"tmpfs", "disk"} {
		t.Run(run, func(t *testing.T) {
			if run == "disk" {
				onDisk(t)
			}
			e, node := engine(t), filepath.Join(t.TempDir(), "node", "cache")
			seed(t, e, node)
			made := content(t, kdat)
			kept, err := filepath.Glob(filepath.Join(node, "*"))
			if err != nil || len(kept) != 1 || content(t, kept[0]) != made {
				t.Fatalf("the node's directory has %q, want one copy (%v)", kept, err)
			}
			if err := os.WriteFile(kept[0], []byte("from the node"), 0o600); err != nil {
				t.Fatal(err)
			}
			seed(t, e, node)
			if content(t, kdat) != made {
				t.Error("a cache that is valid was replaced")
			}
			_ = os.Remove(kdat)
			seed(t, e, node)
			if got := content(t, kdat); got != "from the node" {
				t.Errorf("got %q, want the node's copy", got)
			}
		})
	}
}

func TestCacheThatIsNotOursIsReplaced(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	e := engine(t)
	seed(t, e, "")
	made := content(t, kdat)
	for name, spoil := range map[string]func() error{
		"of another kernel, without a stamp": func() error {
			return errors.Join(os.Remove(kdat+".pronghorn"), os.WriteFile(kdat, []byte("other"), 0o600))
		},
		"changed since": func() error { return os.WriteFile(kdat, []byte("other"), 0o600) },
		"of another key": func() error {
			return os.WriteFile(kdat+".pronghorn", []byte(strings.Replace(content(t, kdat+".pronghorn"), " ", "0 ", 1)), 0o600)
		},
		"writable by everybody": func() error { return os.Chmod(kdat, 0o666) },
		"a symbolic link": func() error {
			other := filepath.Join(t.TempDir(), "other")
			return errors.Join(os.WriteFile(other, []byte(made), 0o600), os.Remove(kdat), os.Symlink(other, kdat))
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := spoil(); err != nil {
				t.Fatal(err)
			}
			seed(t, e, "")
			if info, err := os.Lstat(kdat); err != nil || info.Mode() != 0o600 {
				t.Errorf("it is %v (%v), want a file of ours", info.Mode(), err)
			}
			if len(content(t, kdat)) != len(made) {
				t.Error("it was not made anew")
			}
		})
	}
}

func TestSeedsOfOthersAreNotTrusted(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	e, node := engine(t), t.TempDir()
	seed(t, e, node)
	kept, _ := filepath.Glob(filepath.Join(node, "*"))
	for name, spoil := range map[string]func() error{
		"empty":    func() error { return os.WriteFile(kept[0], nil, 0o600) },
		"too long": func() error { return os.WriteFile(kept[0], make([]byte, 1<<20), 0o600) },
		"of another user": func() error {
			return errors.Join(os.WriteFile(kept[0], []byte("other"), 0o600), os.Chown(kept[0], 1000, 1000))
		},
		"writable by a group": func() error {
			return errors.Join(os.WriteFile(kept[0], []byte("other"), 0o600), os.Chmod(kept[0], 0o660))
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := spoil(); err != nil {
				t.Fatal(err)
			}
			_ = os.Remove(kdat)
			seed(t, e, node)
			if n := len(content(t, kdat)); n < 100 || n > 10_000 {
				t.Errorf("CRIU's cache has %d bytes", n)
			}
		})
	}
}

func TestManySeedAtOnce(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	onDisk(t)
	e, node := engine(t), t.TempDir()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := e.Seed(t.Context(), node); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if left, _ := filepath.Glob("/run/*"); len(left) != 2 {
		t.Errorf("/run has %q, want the cache and its stamp", left)
	}
	if left, _ := filepath.Glob(filepath.Join(node, "*")); len(left) != 1 {
		t.Errorf("the node's directory has %q, want one copy", left)
	}
}

func TestSeedSaysThatCRIUCannotWork(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	dir := t.TempDir()
	fake := filepath.Join(dir, "criu")
	if err := os.WriteFile(fake, []byte("#!/bin/sh\necho 'Error (x.c:1): no such kernel'\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	bin, err := criu.Find(fake)
	if err != nil {
		t.Fatal(err)
	}
	err = criu.NewEngine(bin).Seed(t.Context(), "")
	if !errors.Is(err, criu.ErrUnavailable) || !strings.Contains(err.Error(), "no such kernel") {
		t.Errorf("got %v, want CRIU's reason", err)
	}
}
