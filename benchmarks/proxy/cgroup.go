package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/pronghorn-faas/pronghorn/benchmarks/machine"
)

// cgroup is a group of processes that gets CPU time as one, as a container's
// do. Without it the kernel may group by session instead (autogroup), and a
// watchdog whose function has a session of its own would share the CPU with
// everything else on the machine between each of the two's turns.
type cgroup string

// cgroupRoots are where the kernel's first and second kind of control groups
// has those of the CPU.
var cgroupRoots = [...]string{"/sys/fs/cgroup/cpu", "/sys/fs/cgroup"}

// newCgroup makes a group.
func newCgroup() (cgroup, error) {
	var errs []error
	for _, root := range cgroupRoots {
		dir, err := os.MkdirTemp(root, "proxy-")
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err != nil {
			errs = append(errs, err, os.Remove(dir))
			continue
		}
		return cgroup(dir), nil
	}
	return "", fmt.Errorf("make a control group for the CPU: %w", errors.Join(errs...))
}

// add moves a process into the group, and those in its PID namespace.
func (g cgroup) add(pid int) error {
	members, err := machine.Namespace(pid)
	if err != nil {
		return err
	}
	for _, member := range members {
		err := os.WriteFile(filepath.Join(string(g), "cgroup.procs"), strconv.AppendInt(nil, int64(member), 10), 0)
		if err != nil && !errors.Is(err, unix.ESRCH) { // that one has ended meanwhile
			return fmt.Errorf("move process %d into a control group: %w", member, err)
		}
	}
	return nil
}

// remove removes the group, whose processes have ended.
func (g cgroup) remove() error { return os.Remove(string(g)) }
