package harness

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func planned() Config {
	return Config{
		Functions: []string{"bfs", "mst"}, Strategies: []string{"cold", "request_centric", "fixed&request_to_checkpoint=1"},
		Rates: []int{20, 4, 1}, Requests: 10, Seed: 1,
	}
}

func TestPlanHoldsEveryConfigurationOnce(t *testing.T) {
	plan := planned().plan()
	seen := map[Configuration]bool{}
	for _, c := range plan {
		seen[c] = true
	}
	if len(plan) != 18 || len(seen) != 18 {
		t.Errorf("%d configurations, %d of them different, want 18: %v", len(plan), len(seen), plan)
	}
}

func TestPlanRunsComparedStrategiesInARow(t *testing.T) {
	for block := range slices.Chunk(planned().plan(), 3) {
		for _, c := range block {
			if c.Function != block[0].Function || c.Rate != block[0].Rate {
				t.Errorf("block %v is not of one function and rate", block)
			}
		}
	}
}

func TestPlanIsDecidedByTheSeed(t *testing.T) {
	a, b, other := planned(), planned(), planned()
	other.Seed = 2
	if diff := cmp.Diff(a.plan(), b.plan()); diff != "" {
		t.Errorf("the same seed gave two orders:\n%s", diff)
	}
	if cmp.Equal(a.plan(), other.plan()) {
		t.Error("another seed gave the same order")
	}
}

func TestDrawsDifferByConfigurationAndProgress(t *testing.T) {
	c := Configuration{"bfs", "request_centric", 4}
	seeds := map[uint64]bool{
		c.seed(1, 0): true, c.seed(1, 5): true, c.seed(2, 0): true,
		Configuration{"bfs", "request_centric", 1}.seed(1, 0): true,
	}
	if len(seeds) != 4 {
		t.Errorf("%d different seeds, want 4", len(seeds))
	}
}

func TestNamesOfConfigurationsFitPathsAndKeys(t *testing.T) {
	got := Configuration{"bfs", "fixed&request_to_checkpoint=1", 20}.name()
	if want := "bfs-rate20-fixed-request_to_checkpoint-1"; got != want {
		t.Errorf("name %q, want %q", got, want)
	}
}
