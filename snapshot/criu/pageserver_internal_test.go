package criu

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func policy(t *testing.T) uint32 {
	t.Helper()
	attr, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	return attr.Policy
}

func TestThreadThatTakesPagesInterruptsNobody(t *testing.T) {
	runtime.LockOSThread() // so that it is one thread that is looked at
	defer runtime.UnlockOSThread()
	for range 2 { // it is left as it was found
		done := letOthersGoOn()
		if got := policy(t); got != unix.SCHED_BATCH {
			t.Errorf("policy %d, want batch", got)
		}
		done()
		if got := policy(t); got == unix.SCHED_BATCH {
			t.Error("the thread's policy is still batch")
		}
	}
}
