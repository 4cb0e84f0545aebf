package criu

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

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

// ErrIDs says that a snapshot's process ids cannot be had on this worker, which
// is not the snapshot's fault.
var ErrIDs = errors.New("the process ids of the snapshot are not free here")

// free reports the first of the ids that somebody has.
func free(tids []int) error {
	for _, tid := range tids {
		comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", tid))
		if err == nil {
			return fmt.Errorf("%w: process or thread id %d is taken by %q", ErrIDs, tid, strings.TrimSpace(string(comm)))
		}
	}
	return nil
}
