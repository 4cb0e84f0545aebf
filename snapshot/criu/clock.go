package criu

import (
	"fmt"
	"os"
	"os/exec"
)

// nearClockOf returns the ways to start CRIU for a dump of process pid, the
// best one first. A restored process lives in a time namespace of its own, and
// a CRIU outside forks to go there and read the clock, while the process is
// frozen: 5 to 10 ms, most of them page faults of the fork. A CRIU that is
// started inside reads its own clock. That takes util-linux's nsenter, 2.36 or
// later, since only a process with one thread may change its time namespace.
func (b Binary) nearClockOf(pid int) []Binary {
	clock := fmt.Sprintf("/proc/%d/ns/time", pid)
	nsenter, err := exec.LookPath("nsenter")
	if err != nil || sameNamespace(clock, "/proc/self/ns/time") {
		return []Binary{b}
	}
	return []Binary{{argv: append([]string{nsenter, "--time=" + clock, "--"}, b.argv...)}, b}
}

// sameNamespace is true, too, where there are no such namespaces.
func sameNamespace(a, b string) bool {
	one, errOne := os.Readlink(a)
	other, errOther := os.Readlink(b)
	return errOne != nil || errOther != nil || one == other
}
