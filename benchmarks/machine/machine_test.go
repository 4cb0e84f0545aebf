package machine

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

func TestResidentMemory(t *testing.T) {
	if rss, err := Resident(os.Getpid()); err != nil || rss < 1<<20 {
		t.Errorf("resident: %d, %v", rss, err)
	}
}

func TestCPUTimeGrowsWithWork(t *testing.T) {
	before, err := CPUTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(50 * time.Millisecond); time.Now().Before(end); {
	}
	if after, err := CPUTime(os.Getpid()); err != nil || after <= before {
		t.Errorf("CPU time: %v after %v, %v", after, before, err)
	}
}

func TestCPUTimeOfChildrenCountsOnceTheyHaveEnded(t *testing.T) {
	before, err := CPUTimeWithChildren(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	own, _ := CPUTime(os.Getpid())
	if err := exec.Command("sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done").Run(); err != nil {
		t.Fatal(err)
	}
	after, err := CPUTimeWithChildren(os.Getpid())
	ownAfter, _ := CPUTime(os.Getpid())
	if err != nil || after-before < ownAfter-own+tick {
		t.Errorf("%v more with the child, %v of it ours, %v", after-before, ownAfter-own, err)
	}
}

func TestNamespaceHoldsAtLeastThisProcess(t *testing.T) {
	own, err := CPUTimeWithChildren(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if all, err := NamespaceCPUTime(os.Getpid()); err != nil || all < own {
		t.Errorf("namespace: %v, %v; this process: %v", all, err, own)
	}
}

func TestCPUTimeOfNobodyIsAnError(t *testing.T) {
	if _, err := CPUTimeWithChildren(1 << 22); err == nil {
		t.Error("a process that cannot exist has a CPU time")
	}
}
