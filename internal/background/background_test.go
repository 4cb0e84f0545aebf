package background_test

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pronghorn-faas/pronghorn/internal/background"
)

// priority is that of a thread as the kernel's call returns it: 20 minus nice.
func priority(t *testing.T, tid int) int {
	t.Helper()
	p, err := unix.Getpriority(unix.PRIO_PROCESS, tid)
	if err != nil {
		t.Fatalf("priority of thread %d: %v", tid, err)
	}
	return p
}

func TestThreadGivesWayAndEndsWithItsWork(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ours := priority(t, unix.Gettid())
	var thread, inside int
	background.Do(func() {
		thread = unix.Gettid()
		inside = priority(t, thread)
	})
	if inside >= ours {
		t.Errorf("priority %d in the background, %d before", inside, ours)
	}
	if now := priority(t, unix.Gettid()); now != ours {
		t.Errorf("priority %d after it, %d before", now, ours)
	}
	if thread == unix.Getpid() {
		return // the first thread of a process never ends, Go parks it
	}
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		if unix.Tgkill(unix.Getpid(), thread, 0) == unix.ESRCH {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("thread %d with the low priority goes on", thread)
		}
	}
}

func TestThereIsRoomForAnAnswerOnOneCPU(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	background.LeaveRoom()
	if n := runtime.GOMAXPROCS(0); n != 2 {
		t.Errorf("%d goroutines run at a time, want 2", n)
	}
	runtime.GOMAXPROCS(3)
	background.LeaveRoom()
	if n := runtime.GOMAXPROCS(0); n != 3 {
		t.Errorf("of 3 CPUs %d are used", n)
	}
}
