package criu

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// clearTime bounds the wait for what a failed restore left.
const clearTime = 2 * time.Second

// clearTree ends what a restore that failed left of the processes with these ids,
// all of which were free before it. A CRIU that is killed in the middle leaves
// half of a process behind, which may even run (seen from 10 ms on).
func clearTree(tids []int) error {
	for deadline := time.Now().Add(clearTime); ; time.Sleep(time.Millisecond) {
		left := 0
		for _, tid := range tids {
			if restoredBy(tid, os.Getpid(), tids) {
				left = tid
				_ = unix.Kill(tid, unix.SIGKILL)
				_, _ = unix.Wait4(tid, nil, unix.WNOHANG|unix.WALL, nil) // no child of ours, no harm
			}
		}
		switch {
		case left == 0:
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("process %d of a restore that failed does not end", left)
		}
	}
}

// restoredBy reports whether a process or thread with this id is there whose
// parent is the given process or has one of the ids.
func restoredBy(tid, parent int, tids []int) bool {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", tid))
	if err != nil {
		return false
	}
	// ID (NAME) STATE PARENT …; the name may have parentheses itself.
	_, rest, _ := bytes.Cut(raw[bytes.LastIndexByte(raw, ')')+1:], []byte(" "))
	fields := bytes.Fields(rest)
	if len(fields) < 2 {
		return false
	}
	ppid, err := strconv.Atoi(string(fields[1]))
	if err != nil {
		return false
	}
	return ppid == parent || slices.Contains(tids, ppid)
}
