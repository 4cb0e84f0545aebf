package machine

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// tick is the unit of CPU times in /proc: USER_HZ, 100 on every Linux.
const tick = 10 * time.Millisecond

// CPUTime is what a process has used so far, in user and kernel mode, its
// children not included, to the nanosecond.
func CPUTime(pid int) (time.Duration, error) {
	const ofProcess = 2 // CPUCLOCK_SCHED of the kernel's clock ids
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|ofProcess), &t); err != nil {
		return 0, fmt.Errorf("CPU clock of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// CPUTimeWithChildren is CPUTime and that of the children that have ended and
// were waited for, with what they had waited for themselves. The kernel tells
// the children's part in steps of 10 ms only.
func CPUTimeWithChildren(pid int) (time.Duration, error) {
	own, err := CPUTime(pid)
	if err != nil {
		return 0, err
	}
	ended, err := endedChildren(pid)
	return own + ended, err
}

func endedChildren(pid int) (time.Duration, error) {
	const userAndSystem, end = 13, 15 // fields behind the name: cutime, cstime
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The second field, a name in brackets, may hold spaces.
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	if len(fields) < end {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields, want more", pid, len(fields))
	}
	var ticks int64
	for _, field := range fields[userAndSystem:end] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

// NamespaceCPUTime is what all processes in the PID namespace of pid have used,
// those that have ended included. It is exact while none starts or ends.
func NamespaceCPUTime(pid int) (time.Duration, error) {
	members, err := Namespace(pid)
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, member := range members {
		used, err := CPUTimeWithChildren(member)
		if gone(err) {
			continue
		}
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

// Namespace lists the processes in the PID namespace of pid, itself included.
func Namespace(pid int) ([]int, error) {
	want, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid))
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var members []int
	for _, e := range entries {
		other, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if ns, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", other)); err == nil && ns == want { // else it has ended, or is elsewhere
			members = append(members, other)
		}
	}
	return members, nil
}

func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EINVAL)
}
