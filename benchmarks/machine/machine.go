// Package machine says where a benchmark runs, binds it to CPUs, and reads
// what processes have used: what the benchmark programs share.
package machine

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Info is where a run took place.
type Info struct {
	CPUs   int    `json:"cpus"`
	CPU    string `json:"cpu"`
	Kernel string `json:"kernel"`
	Arch   string `json:"arch"`
	Go     string `json:"go"`
}

// This is the machine that the program runs on.
func This() Info {
	m := Info{CPUs: runtime.NumCPU(), Arch: runtime.GOARCH, Go: runtime.Version()}
	var uts unix.Utsname
	if unix.Uname(&uts) == nil {
		m.Kernel = unix.ByteSliceToString(uts.Release[:])
	}
	m.CPU, _ = procField("/proc/cpuinfo", "model name")
	return m
}

// Load is the number of processes that wanted to run over the last minute; -1
// if the machine does not say.
func Load() float64 {
	raw, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return -1
	}
	first, _, _ := strings.Cut(string(raw), " ")
	load, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return -1
	}
	return load
}

// procField is the first value of a field in a file of "name: value" lines.
func procField(file, name string) (string, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(raw)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value), nil
		}
	}
	return "", fmt.Errorf("%s has no field %q", file, name)
}

// Resident is the memory of a process that is in RAM, in bytes.
func Resident(pid int) (int64, error) { return statusBytes(pid, "VmRSS") }

// Anonymous is the part of Resident that is no file's: what a process has to
// itself, whatever others run the same program.
func Anonymous(pid int) (int64, error) { return statusBytes(pid, "RssAnon") }

func statusBytes(pid int, field string) (int64, error) {
	value, err := procField(fmt.Sprintf("/proc/%d/status", pid), field)
	if err != nil {
		return 0, err
	}
	kib, err := strconv.ParseInt(strings.TrimSuffix(value, " kB"), 10, 64)
	return kib << 10, err
}

// Share gives what is measured a CPU of its own, the last one, and all others
// the first, which takes two; free, or with one, both are -1: anywhere.
func Share(free bool) (measured, others int, err error) {
	list, err := CPUs()
	if err != nil {
		return 0, 0, err
	}
	if free || len(list) < 2 {
		return -1, -1, nil
	}
	return list[len(list)-1], list[0], nil
}

// CPUs are those that this process may use, ascending.
func CPUs() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("ask for the CPUs of this process: %w", err)
	}
	var list []int
	for cpu := range len(set) * 64 {
		if set.IsSet(cpu) {
			list = append(list, cpu)
		}
	}
	return list, nil
}

// Pin binds this process to a CPU; a negative one leaves it as it is. The
// runtime has other threads already, and those are bound as well; new ones
// inherit it, as do the programs that are started. The second round is for
// threads that were started while the first went on.
func Pin(cpu int) error {
	if cpu < 0 {
		return nil
	}
	var set unix.CPUSet
	set.Set(cpu)
	for range 2 {
		tasks, err := threads()
		if err != nil {
			return err
		}
		for _, tid := range tasks {
			if err := unix.SchedSetaffinity(tid, &set); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("pin to CPU %d: %w", cpu, err)
			}
		}
	}
	return nil
}

// threads are the ids of this process's threads.
func threads() ([]int, error) {
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return nil, err
	}
	var ids []int
	for _, e := range entries {
		id, err := strconv.Atoi(e.Name())
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}
