package criu_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/pronghorn-faas/pronghorn/internal/require"
	"github.com/pronghorn-faas/pronghorn/snapshot/criu"
)

func clockOf(t *testing.T, pid int) string {
	t.Helper()
	name, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/time", pid))
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// restoredPyPy is a process that lives in a time namespace of its own.
func restoredPyPy(t *testing.T) target {
	t.Helper()
	p := launchPyPy(t)
	for p.next(t) < 20 {
	}
	dir, process := intoMemory(t, p)
	p.kill(t)
	restored := restore(t, dir, process)
	if clockOf(t, restored.pid) == clockOf(t, os.Getpid()) {
		t.Fatal("the restored process has our clock, want one of its own")
	}
	return restored
}

func TestCRIUWaitsForADumpWhereTheClockOfTheProcessIs(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	require.Program(t, "criu", "nsenter")
	if !inSandbox(t) {
		return
	}
	p := restoredPyPy(t)
	d := prepare(t, p, 1<<30)
	if got, want := clockOf(t, d.CRIU()), clockOf(t, p.pid); got != want {
		t.Errorf("CRIU is in %s, the process in %s", got, want)
	}
	_ = d.Close()
	continuesFromSnapshot(t, p, intoMemory)
}

func TestDumpDoesWithoutAnNsenterThatCannotEnter(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	if !inSandbox(t) {
		return
	}
	p := restoredPyPy(t)
	old := t.TempDir() // such as one that does not know the option
	if err := os.WriteFile(filepath.Join(old, "nsenter"), []byte("#!/bin/sh\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", old+":"+os.Getenv("PATH"))
	d := prepare(t, p, 1<<30)
	if got, want := clockOf(t, d.CRIU()), clockOf(t, os.Getpid()); got != want {
		t.Errorf("CRIU is in %s, we are in %s", got, want)
	}
	_ = d.Close()
	continuesFromSnapshot(t, p, intoMemory)
}

func TestThereIsNoImageOfADumpThatWasNotRun(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	if !inSandbox(t) {
		return
	}
	p := launchPyPy(t)
	for p.next(t) < 20 {
	}
	d := prepare(t, p, 1<<30)
	refused := func(when string, d *criu.Dump) {
		if _, _, err := d.Image(); err == nil {
			t.Errorf("there is an image %s", when)
		}
	}
	refused("before the dump was run", d)
	if err := d.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	img := take(t, d)
	refused("when it was handed out already", d)
	if err := img.Close(); err != nil {
		t.Error(err)
	}
	continuesFromSnapshot(t, p, intoMemory)
}
