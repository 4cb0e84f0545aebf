package sandbox

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	// cgroupRoot is where the kernel's control groups are mounted.
	cgroupRoot  = "/sys/fs/cgroup"
	groupPrefix = "pronghorn-sandbox-"
)

// cpuGroup is a control group in which the processes of a sandbox share the CPU
// among themselves, as those of a container do. "" is none.
type cpuGroup string

// newCPUGroup makes a group beside the caller's and puts a process there. It
// returns none where the caller may not, or nobody has mounted the controller.
func newCPUGroup(pid int) cpuGroup {
	raw, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return ""
	}
	for _, parent := range cpuParents(string(raw)) {
		sweep(parent)
		dir := filepath.Join(parent, groupPrefix+strconv.Itoa(pid))
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		g := cpuGroup(dir)
		if g.controlsCPU() && os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0) == nil {
			return g
		}
		g.remove()
	}
	return ""
}

// sweep removes what callers have left that were killed. Groups with processes
// stay, and so do those that may be about to get one.
func sweep(parent string) {
	left, _ := filepath.Glob(filepath.Join(parent, groupPrefix+"*"))
	for _, dir := range left {
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > time.Minute {
			_ = os.Remove(dir)
		}
	}
}

// cpuParents are the directories in which the group may be made, as
// /proc/self/cgroup names them: version 1's, where the controller has a mount of
// its own, before version 2's.
func cpuParents(self string) (dirs []string) {
	var unified []string
	for line := range strings.Lines(self) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, path, _ := strings.Cut(rest, ":")
		switch {
		case controllers == "":
			unified = append(unified, filepath.Join(cgroupRoot, path))
		case controllers == "cpu" || strings.HasPrefix(controllers, "cpu,"):
			dirs = append(dirs, filepath.Join(cgroupRoot, controllers, path))
		}
	}
	return append(dirs, unified...)
}

// controlsCPU reports whether the group has the controller.
func (g cpuGroup) controlsCPU() bool {
	for _, name := range []string{"cpu.shares", "cpu.weight"} {
		if _, err := os.Stat(filepath.Join(string(g), name)); err == nil {
			return true
		}
	}
	return false
}

// remove removes the group, all of whose processes have ended, as soon as the
// kernel has noticed. What cannot be removed, the next caller's sweep does.
func (g cpuGroup) remove() {
	for try := 0; g != "" && try < 100; try++ {
		if os.Remove(string(g)) == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
