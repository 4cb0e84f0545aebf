package harness

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// cpus is how the CPUs are shared: some, most often one, are the worker's, the
// harness with its agent and KV service has the others.
type cpus struct {
	worker []int
	all    unix.CPUSet // of this process, before
	others unix.CPUSet // empty when the worker has them all
}

// shareCPUs gives the worker n CPUs: the one asked for, or the last one if that
// is negative, and those before it.
func shareCPUs(asked, n int) (cpus, error) {
	var c cpus
	if err := unix.SchedGetaffinity(0, &c.all); err != nil {
		return c, fmt.Errorf("ask for the CPUs of this process: %w", err)
	}
	list := listCPUs(c.all)
	last := len(list) - 1
	if asked >= 0 {
		last = slices.Index(list, asked)
	}
	switch {
	case last < 0:
		return c, fmt.Errorf("CPU %d: this process may use %v", asked, list)
	case n > last+1:
		return c, fmt.Errorf("%d CPUs of a worker, up to number %d: this process may use %v", n, list[last], list)
	}
	c.worker = list[last+1-n : last+1]
	c.others = c.all
	for _, cpu := range c.worker {
		c.others.Clear(cpu)
	}
	return c, nil
}

func listCPUs(set unix.CPUSet) []int {
	var list []int
	for cpu := range len(set) * 64 {
		if set.IsSet(cpu) {
			list = append(list, cpu)
		}
	}
	return list
}

// keepOff moves this process off the worker's CPU, where there is another. The
// function that it returns undoes that.
func (c cpus) keepOff() (undo func() error, err error) {
	if c.others.Count() == 0 {
		return func() error { return nil }, nil
	}
	return func() error { return pinThreads(c.all) }, pinThreads(c.others)
}

// pinThreads binds every thread of this process; new ones inherit it from the
// one that starts them. The second round is for those that a thread started
// before its turn came in the first.
func pinThreads(set unix.CPUSet) error {
	for range 2 {
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("pin threads: %w", err)
		}
		for _, task := range tasks {
			tid, err := strconv.Atoi(task.Name())
			if err == nil {
				err = unix.SchedSetaffinity(tid, &set)
			}
			if err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("pin thread %s: %w", task.Name(), err)
			}
		}
	}
	return nil
}

// CPUs is the number of CPUs that this process may use.
func CPUs() int {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return 1
	}
	return set.Count()
}
