package harness

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestWorkerHasACPUOfItsOwn(t *testing.T) {
	c, err := shareCPUs(-1, 1)
	if err != nil {
		t.Fatal(err)
	}
	all := listCPUs(c.all)
	if !slices.Equal(c.worker, all[len(all)-1:]) || c.others.IsSet(c.worker[0]) || c.others.Count() != len(all)-1 {
		t.Errorf("worker %v, others %v of %v: want the last one for the worker", c.worker, listCPUs(c.others), all)
	}
}

func TestWorkerMayHaveAllCPUs(t *testing.T) {
	all := listCPUs(own(t))
	c, err := shareCPUs(-1, len(all))
	if err != nil || !slices.Equal(c.worker, all) || c.others.Count() != 0 {
		t.Errorf("worker %v, others %v, %v: want all of %v for the worker", c.worker, listCPUs(c.others), err, all)
	}
	if _, err := shareCPUs(-1, len(all)+1); err == nil || !strings.Contains(err.Error(), "CPUs of a worker") {
		t.Errorf("error %v, want one about a CPU too many", err)
	}
}

func TestCPUThatIsNotThereIsRefused(t *testing.T) {
	if _, err := shareCPUs(1023, 1); err == nil || !strings.Contains(err.Error(), "CPU 1023") {
		t.Errorf("error %v, want one that names the CPU", err)
	}
}

func TestKeepingOffIsUndone(t *testing.T) {
	c, err := shareCPUs(-1, 1)
	if err != nil {
		t.Fatal(err)
	}
	undo, err := c.keepOff()
	if err != nil {
		t.Fatal(err)
	}
	if c.others.Count() > 0 && slices.Contains(listCPUs(own(t)), c.worker[0]) {
		t.Error("this process may still use the worker's CPU")
	}
	if err := undo(); err != nil {
		t.Fatal(err)
	}
	if got := own(t); got != c.all {
		t.Errorf("CPUs %v after undoing, want %v", listCPUs(got), listCPUs(c.all))
	}
}

func own(t *testing.T) unix.CPUSet {
	t.Helper()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		t.Fatal(err)
	}
	return set
}
