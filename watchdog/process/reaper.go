package process

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// reapEvery is how often orphans are looked for.
const reapEvery = 2 * time.Second

// ReapOrphans makes this process the parent of the function's orphans and
// reaps them until ctx ends. A zombie is an orphan when it is still there at
// the next look: our own children are waited for at once by who started them.
func ReapOrphans(ctx context.Context) error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become subreaper: %w", err)
	}
	go func() {
		seen := map[int]bool{}
		for tick := time.NewTicker(reapEvery); ; {
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
				seen = reap(seen)
			}
		}
	}()
	return nil
}

// reap waits for the zombies that were seen before and returns the new ones.
func reap(before map[int]bool) map[int]bool {
	now := map[int]bool{}
	for _, s := range processes() {
		switch {
		case !s.zombie || s.parent != os.Getpid():
		case before[s.pid]:
			_, _ = syscall.Wait4(s.pid, nil, syscall.WNOHANG, nil)
		default:
			now[s.pid] = true
		}
	}
	return now
}

// ReserveThreads makes the runtime start n threads now and keep them, so that
// later ones, which would take process ids among those of a function, are
// hardly ever needed.
func ReserveThreads(n int) {
	var ready, release sync.WaitGroup
	ready.Add(n)
	release.Add(1)
	for range n {
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			ready.Done()
			release.Wait()
		}()
	}
	ready.Wait()
	release.Done()
}

// CloseOnExec marks every descriptor of this process except the standard ones,
// so that the function inherits none: one that leads elsewhere makes a
// snapshot impossible.
func CloseOnExec() error {
	if err := unix.CloseRange(3, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("mark inherited descriptors: %w", err)
	}
	return nil
}
