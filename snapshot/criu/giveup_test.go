package criu_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/require"
	"github.com/pronghorn-faas/pronghorn/snapshot/criu"
)

func TestPyPyProcessOutlivesDumpsThatAreGivenUp(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	if inSandbox(t) {
		outlivesGivingUp(t, launchPyPy(t), 1<<30, time.Millisecond)
	}
}

func TestJVMProcessOutlivesDumpsThatAreGivenUp(t *testing.T) {
	require.Program(t, "jvm", "javac")
	if inSandbox(t) {
		outlivesGivingUp(t, launchJVM(t), 1<<30, time.Millisecond)
	}
}

func TestProcessOutlivesDumpsIntoAFileThatAreGivenUp(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	if inSandbox(t) {
		outlivesGivingUp(t, launchPyPy(t), 0, 5*time.Millisecond)
	}
}

// outlivesGivingUp gives dumps up at many moments. The process runs on each
// time, and a snapshot of it can be taken and restored afterwards.
func outlivesGivingUp(t *testing.T, p target, memory int64, step time.Duration) {
	for p.next(t) < 20 {
	}
	given := 0
	var late time.Duration
	for deadline := time.Duration(0); deadline <= 60*time.Millisecond; deadline += step {
		d := prepare(t, p, memory)
		before := p.last(t)
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		begin := time.Now()
		err := d.Run(ctx)
		took := time.Since(begin)
		cancel()
		switch {
		case err == nil:
			_ = take(t, d).Close()
		case errors.Is(err, criu.ErrDamaged):
			t.Fatalf("deadline %s: %v", deadline, err)
		case !errors.Is(err, context.DeadlineExceeded):
			t.Errorf("deadline %s: got %v, want the deadline as the reason", deadline, err)
		default:
			given++
			late = max(late, took-deadline)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if after := p.next(t); after != before+1 {
			t.Errorf("line %d follows line %d", after, before)
		}
	}
	t.Logf("%d dumps were given up, the last word came %s after the deadline at most", given, late)
	if given < 3 {
		t.Errorf("%d dumps were given up, want some at all", given)
	}
	continuesFromSnapshot(t, p, intoMemory)
}

func TestRestoreThatIsCutOffLeavesNothing(t *testing.T) {
	require.Program(t, "jvm", "javac")
	if !inSandbox(t) {
		return
	}
	p := launchJVM(t)
	for p.next(t) < 20 {
	}
	dir, process := intoMemory(t, p)
	p.kill(t)
	cut := 0
	for deadline := time.Duration(0); deadline <= 60*time.Millisecond; deadline += 2 * time.Millisecond {
		above(t, 1000)
		out, in := newPipe(t)
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		pid, err := engine(t).Restore(ctx, dir, process, in, in)
		cancel()
		_, _ = in.Close(), out.Close()
		if err == nil {
			target{pid: pid}.kill(t)
			continue
		}
		cut++
		for _, tid := range process.TIDs {
			if comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", tid)); err == nil {
				t.Errorf("deadline %s: process %d, %q, is left", deadline, tid, comm)
			}
		}
	}
	t.Logf("%d restores were cut off", cut)
}
