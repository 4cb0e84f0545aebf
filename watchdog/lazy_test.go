package watchdog_test

import (
	"testing"

	"github.com/pronghorn-faas/pronghorn/watchdog/watchdogtest"
)

// TestFunctionServesBeforeItHasAllOfItsMemory, and the next snapshot knows what
// it touched first. One that is small has all of it, from the watchdog or from CRIU.
func TestFunctionServesBeforeItHasAllOfItsMemory(t *testing.T) {
	watchdogtest.RequireCRIU(t)
	c := watchdogtest.NewControl(t, "", "")
	bin, f := watchdogtest.Binary(t), watchdogtest.Assemble(t, "bfs")
	const faults, filled = "pronghorn_page_faults_total", `pronghorn_step_seconds_count{step="memory"}`
	const small = "snapshot_lazy_min=4Mi"
	start := func(strategy string, from, requests int, given bool, more ...string) (waited float64) {
		w := c.StartWith(t, bin, f, append(more, "snapshot_strategy=fixed&request_to_checkpoint="+strategy)...)
		for i := range requests {
			if got := number(t, w.MustGet("/"), "X-Pronghorn-Request-Number"); got != from+i+1 {
				t.Errorf("request %d of the lineage is number %d", from+i+1, got)
			}
		}
		if given {
			await(t, "the process has all of its memory", func() bool { return w.Metric(filled) == 1 })
		} else if w.Metric(filled) != 0 {
			t.Error("a process got memory from the watchdog that should have got it from CRIU")
		}
		waited = w.Metric(faults)
		if err := w.Terminate(); err != nil {
			t.Fatal(err)
		}
		return waited
	}
	start("5", 0, 8, false)
	first := start("10", 5, 8, true, small)
	if first == 0 {
		t.Error("the process had all that it touched, though nobody knew what that would be")
	}
	if second := start("10", 10, 3, true, small); second >= first {
		t.Errorf("the process has waited %v times for memory, and %v times where it was known what it would touch", first, second)
	}
	const whileItIsMade = 10 // CRIU touches some pages for it: its stack, for one
	if waited := start("10", 10, 3, true); waited > whileItIsMade {
		t.Errorf("the process has waited %v times for memory, all of which it should have had", waited)
	}
	start("20", 10, 12, false, "snapshot_lazy_restore=false")
}
