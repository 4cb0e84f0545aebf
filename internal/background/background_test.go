package background_test

import (
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"testing/synctest"
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

func TestWorkGivesWayOnThreadsThatStay(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ours := priority(t, unix.Gettid())
	threads := map[int]bool{}
	for range 100 {
		background.Do(func() {
			threads[unix.Gettid()] = true
			if inside := priority(t, unix.Gettid()); inside >= ours {
				t.Errorf("priority %d in the background, %d before", inside, ours)
			}
		})
		time.Sleep(time.Millisecond) // until the thread waits for more
	}
	if now := priority(t, unix.Gettid()); now != ours {
		t.Errorf("priority %d after it, %d before", now, ours)
	}
	if len(threads) > 5 {
		t.Errorf("%d threads for 100 pieces of work, one after the other", len(threads))
	}
}

func TestWorkWaitsForNoOtherWork(t *testing.T) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		background.Do(func() {
			var inner sync.WaitGroup
			for range 4 {
				inner.Go(func() { background.Do(func() {}) })
			}
			inner.Wait()
		})
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("work in the background that has more done there waits for ever")
	}
}

func TestThereIsRoomForAnAnswerBesideTheWork(t *testing.T) {
	for _, cpus := range []int{1, 2, 3} {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cpus))
		background.Do(func() {
			background.Do(func() {})
			if n := background.Workers(); n != cpus {
				t.Errorf("on %d CPUs: %d workers, want as many", cpus, n)
			}
			if n := runtime.GOMAXPROCS(0); n != cpus+1 {
				t.Errorf("on %d CPUs: %d goroutines run at a time, want %d", cpus, n, cpus+1)
			}
		})
		if n := runtime.GOMAXPROCS(0); n != cpus {
			t.Errorf("on %d CPUs: %d goroutines run at a time afterwards", cpus, n)
		}
		if n := background.Workers(); n != cpus {
			t.Errorf("on %d CPUs: %d workers afterwards", cpus, n)
		}
	}
}

func TestWorkThatSomebodyWaitsForDoesNotRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rest := func() time.Duration {
			begin := time.Now()
			background.Rest(time.Second)
			return time.Since(begin)
		}
		one, other := background.Await(), background.Await()
		one()
		one() // again, which counts once
		if took := rest(); took != 0 {
			t.Errorf("it rested for %v while somebody waited", took)
		}
		other()
		if took := rest(); took != time.Second {
			t.Errorf("it rested for %v when nobody waited any more", took)
		}
	})
}

func TestWorkThatIsHeldUpWaitsUntilItIsReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		waits := func(meanwhile func()) time.Duration {
			begin := time.Now()
			go meanwhile()
			background.Turn()
			return time.Since(begin)
		}
		release := background.Hold()
		if took := waits(func() { time.Sleep(30 * time.Millisecond); release() }); took != 30*time.Millisecond {
			t.Errorf("it waited for %v, want until the release, after 30 ms", took)
		}
		release() // again, which counts once
		if took := waits(func() {}); took != 0 {
			t.Errorf("it waited for %v after the release", took)
		}
		background.Hold()
		if took := waits(func() { time.Sleep(30 * time.Millisecond); defer background.Await()(); time.Sleep(time.Second) }); took != 30*time.Millisecond {
			t.Errorf("it waited for %v, want until somebody waited for it, after 30 ms", took)
		}
		time.Sleep(2 * time.Second)
		background.Hold()
		if took := waits(func() {}); took != time.Second {
			t.Errorf("it waited for %v, want the second that it may be held up", took)
		}
	})
}

func TestNoGarbageIsCollectedWhileSomebodyWaitsForAll(t *testing.T) {
	runtime.GC()
	litter := func() (collections uint32) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range 100 {
			litterBox = make([]byte, 1<<20)
		}
		runtime.ReadMemStats(&after)
		return after.NumGC - before.NumGC
	}
	percent := debug.SetGCPercent(70)
	defer debug.SetGCPercent(percent)
	one, other := background.Hold(), background.Hold()
	one()
	one() // again, which counts once
	if n := litter(); n != 0 {
		t.Errorf("%d collections", n)
	}
	other()
	if n := litter(); n == 0 {
		t.Error("no collection afterwards")
	}
	if now := debug.SetGCPercent(70); now != 70 {
		t.Errorf("GOGC is %d afterwards, want 70", now)
	}
}

// litterBox keeps what is made there out of the stack.
var litterBox []byte
