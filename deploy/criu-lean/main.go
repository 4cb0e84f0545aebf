// Criu-lean adds lib/lean to a tree of CRIU (see criu-layer.sh): stand-ins for
// the libraries of what Pronghorn never asks of CRIU, which are encryption of
// its connections and locking the network by nftables. With what those need in
// turn they are most of what CRIU's loader relocates and of what each of CRIU's
// many forks copies. The watchdog's CRIU is started with them; bin/criu is not.
//
//	go run ./deploy/criu-lean /opt/pronghorn/criu
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pronghorn-faas/pronghorn/internal/stublib"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: criu-lean TREE")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "criu-lean:", err)
		os.Exit(1)
	}
}

func run(tree string) error {
	lib := filepath.Join(tree, "lib")
	lean := filepath.Join(lib, "lean")
	made, err := os.MkdirTemp(lib, "lean.*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(made)
	err = errors.Join(os.Chmod(made, 0o755), fill(made, lib), try(made, lib), os.RemoveAll(lean))
	if err != nil {
		return err
	}
	return os.Rename(made, lean)
}

// unused are the beginnings of the libraries' names.
func unused() []string { return []string{"libgnutls.so.", "libnftables.so."} }

// fill makes the stand-ins.
func fill(dir, lib string) error {
	program := filepath.Join(lib, "criu")
	names, err := stublib.Needs(program)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !slices.ContainsFunc(unused(), func(start string) bool { return strings.HasPrefix(name, start) }) {
			continue
		}
		if err := standIn(filepath.Join(dir, name), program, name); err != nil {
			return err
		}
	}
	return nil
}

func standIn(path, program, name string) error {
	l, err := stublib.For(program, name)
	if err != nil {
		return err
	}
	raw, err := l.Bytes()
	if err != nil {
		return err
	}
	return os.WriteFile(path, raw, 0o644)
}

// try starts CRIU with the stand-ins, all of its symbols looked up at once.
func try(dir, lib string) error {
	cmd := exec.Command(filepath.Join(lib, "loader"), "--library-path", dir+":"+lib, filepath.Join(lib, "criu"), "--version")
	cmd.Env = []string{"LD_BIND_NOW=1"}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("CRIU does not start with stand-ins for its libraries: %w\n%s", err, out)
	}
	return nil
}
