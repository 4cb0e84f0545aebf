package criu

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// lastPIDFile is the cursor after which the kernel looks for the next process
// or thread id of the PID namespace.
const lastPIDFile = "/proc/sys/kernel/ns_last_pid"

// SetLastPID makes the kernel give out ids from last+1 on. Processes whose
// snapshot is to be taken live far above the ids of everything else in the
// container, so that these ids are free when the snapshot is restored.
func SetLastPID(last int) error {
	if err := os.WriteFile(lastPIDFile, []byte(strconv.Itoa(last)), 0); err != nil {
		return fmt.Errorf("set the next process id to %d: %w (snapshots need a writable /proc/sys)", last+1, err)
	}
	return nil
}

// CanSetLastPID reports, as an error that wraps ErrUnavailable, why SetLastPID
// would fail.
func CanSetLastPID() error {
	f, err := os.OpenFile(lastPIDFile, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("%w: %w: snapshots need a writable /proc/sys and the capability CHECKPOINT_RESTORE or SYS_ADMIN", ErrUnavailable, err)
	}
	return f.Close()
}

// maxUsed bounds what UsePIDs uses up: an id costs about 0.1 ms (measured:
// 2,000 in 0.28 s on a busy machine).
const maxUsed = 5000

// UsePIDs is SetLastPID for where /proc/sys is read-only: it uses up ids, by
// threads that end at once, until the kernel gives out those above last. A
// cursor that is there already stays where it is; it cannot be moved back. It
// is for functions that live a few thousand ids up, not 20,000.
func UsePIDs(ctx context.Context, last int) error {
	for used := 0; ; used++ {
		tid := useThread()
		switch {
		case tid >= last:
			return nil
		case last-tid > maxUsed-used:
			return fmt.Errorf("%d process ids would have to be used up to get to %d: more than %d take too long", last-tid, last, maxUsed)
		case ctx.Err() != nil:
			return fmt.Errorf("use up process ids: %w", context.Cause(ctx))
		}
	}
}

// useThread starts a thread that ends, and returns its id.
func useThread() (tid int) {
	onOwnThread(func() { tid = unix.Gettid() })
	return tid
}

// Describe returns what a restorer must know of the process tree under pid.
func Describe(pid int) (snapshot.Process, error) {
	p := snapshot.Process{PID: pid}
	var err error
	if p.TIDs, err = threads(pid); err != nil {
		return p, err
	}
	p.MaxTID = p.TIDs[len(p.TIDs)-1]
	if p.Stdout, err = pipe(pid, 1); err != nil {
		return p, err
	}
	p.Stderr, err = pipe(pid, 2)
	return p, err
}

func pipe(pid, fd int) (string, error) {
	target, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, fd))
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(target, "pipe:[") {
		return "", fmt.Errorf("descriptor %d is %s: want a pipe of the watchdog; a function that redirects its output cannot be restored", fd, target)
	}
	return target, nil
}

// threads returns the ids of all threads of all processes under pid, sorted.
func threads(pid int) ([]int, error) {
	var all []int
	for pending := []int{pid}; len(pending) > 0; pending = pending[1:] {
		tids, children, err := tasks(pending[0])
		if err != nil {
			return nil, err
		}
		all = append(all, tids...)
		pending = append(pending, children...)
	}
	slices.Sort(all)
	return all, nil
}

// tasks returns the threads and the children of one process.
func tasks(pid int) (tids, children []int, err error) {
	dir := fmt.Sprintf("/proc/%d/task", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		tid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		tids = append(tids, tid)
		raw, err := os.ReadFile(filepath.Join(dir, e.Name(), "children"))
		if err != nil {
			continue // the thread has just ended
		}
		for field := range strings.FieldsSeq(string(raw)) {
			if child, err := strconv.Atoi(field); err == nil {
				children = append(children, child)
			}
		}
	}
	return tids, children, nil
}

// free reports the first of the ids that somebody has.
func free(tids []int) error {
	for _, tid := range tids {
		comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", tid))
		if err == nil {
			return fmt.Errorf("process or thread id %d is taken by %q", tid, strings.TrimSpace(string(comm)))
		}
	}
	return nil
}
