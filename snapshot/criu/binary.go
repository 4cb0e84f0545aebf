// Package criu dumps and restores process trees with CRIU, over the protocol
// of `criu swrk`: one CRIU process per operation, started by us, so that pipes
// and sockets can be handed to it (the starter of go-criu passes none).
//
// An Engine does it. Probe and Seed, once per container, find out whether and
// how CRIU works there and save it from finding out about the kernel each time.
// PrepareDump and PrepareRestore do what can be done ahead, Run does the rest.
// A restore for which there is no Seed yet can Learn meanwhile.
// A dump sends the pages of the process over a socket into our memory, where
// they arrive twice as fast as in files, and can be given up at any moment.
package criu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrUnavailable says that there is no CRIU, or that it cannot work here.
var ErrUnavailable = errors.New("CRIU is not available")

// defaultPrefix is where scripts/setup.sh and our images keep a CRIU that
// brings its own libraries.
const defaultPrefix = "/opt/pronghorn/criu"

// Binary is a CRIU program: what to execute, with what in front of its
// arguments.
type Binary struct {
	argv []string
	// own says that it brings its own loader, lean that it does so without the
	// libraries that we do not need.
	own, lean bool
}

// Find returns the CRIU at path, or, when path is empty, that of
// /opt/pronghorn/criu or of the PATH. The error wraps ErrUnavailable.
//
// A tree with lib/loader, lib/criu and bin/criu in it is self-contained: it is
// started through its own loader, whatever libc the system has. With lib/lean
// in it, it is started with the stand-ins for libraries there.
func Find(path string) (Binary, error) {
	if path != "" {
		return at(path)
	}
	if b, err := at(filepath.Join(defaultPrefix, "bin", "criu")); err == nil {
		return b, nil
	}
	found, err := exec.LookPath("criu")
	if err != nil {
		return Binary{}, fmt.Errorf("%w: neither in %s nor on the PATH: install CRIU 4.2 or later", ErrUnavailable, defaultPrefix)
	}
	return at(found)
}

func at(path string) (Binary, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return Binary{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	case info.IsDir() || info.Mode()&0o111 == 0:
		return Binary{}, fmt.Errorf("%w: %s is not a program", ErrUnavailable, path)
	}
	if own, ok := selfContained(path); ok {
		return own, nil
	}
	return Binary{argv: []string{path}}, nil
}

func selfContained(path string) (Binary, bool) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return Binary{}, false
	}
	lib := filepath.Join(filepath.Dir(real), "..", "lib")
	loader, program, lean := filepath.Join(lib, "loader"), filepath.Join(lib, "criu"), filepath.Join(lib, "lean")
	for _, needed := range []string{loader, program} {
		if _, err := os.Stat(needed); err != nil {
			return Binary{}, false
		}
	}
	b := Binary{argv: []string{loader, "--library-path", lib, program}, own: true}
	if info, err := os.Stat(lean); err == nil && info.IsDir() {
		b.argv[2], b.lean = lean+":"+lib, true
	}
	return b, true
}

// Full is the CRIU with all its libraries, as it was installed.
func (b Binary) Full() Binary {
	if !b.lean {
		return b
	}
	lib := filepath.Dir(b.argv[0])
	return Binary{argv: []string{b.argv[0], "--library-path", lib, b.program()}, own: true}
}

// command returns the program with arguments, not yet started.
func (b Binary) command(ctx context.Context, args ...string) *exec.Cmd {
	argv := append(b.argv[1:len(b.argv):len(b.argv)], args...)
	return exec.CommandContext(ctx, b.argv[0], argv...)
}

// String returns the command line in front of the arguments.
func (b Binary) String() string { return strings.Join(b.argv, " ") }

// program is the file that is CRIU, behind its loader if it has one.
func (b Binary) program() string { return b.argv[len(b.argv)-1] }

// Check is Engine.Check in privileged mode.
func (b Binary) Check(ctx context.Context) error { return NewEngine(b).Check(ctx) }
