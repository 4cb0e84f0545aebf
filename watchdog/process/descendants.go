package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// stat is what the kernel says of a process in /proc/PID/stat.
type stat struct {
	pid, parent, session int
	zombie               bool
}

func readStat(pid int) (stat, bool) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, false
	}
	// The command, in parentheses, may itself have spaces and parentheses.
	_, rest, found := cutLast(raw, ')')
	if !found {
		return stat{}, false
	}
	s := stat{pid: pid}
	var state string
	var group int
	if _, err := fmt.Fscan(bytes.NewReader(rest), &state, &s.parent, &group, &s.session); err != nil {
		return stat{}, false
	}
	s.zombie = state == "Z"
	return s, true
}

func cutLast(b []byte, sep byte) (before, after []byte, found bool) {
	i := bytes.LastIndexByte(b, sep)
	if i < 0 {
		return b, nil, false
	}
	return b[:i], b[i+1:], true
}

// processes returns all processes of the PID namespace.
func processes() []stat {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var all []stat
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if s, ok := readStat(pid); ok {
			all = append(all, s)
		}
	}
	return all
}

// descendants returns the processes under pid and those of its session.
func descendants(pid int) []int {
	all := processes()
	under := map[int]bool{pid: true}
	for grew := true; grew; {
		grew = false
		for _, s := range all {
			if !under[s.pid] && (under[s.parent] || s.session == pid) {
				under[s.pid], grew = true, true
			}
		}
	}
	delete(under, pid)
	pids := make([]int, 0, len(under))
	for p := range under {
		pids = append(pids, p)
	}
	return pids
}
