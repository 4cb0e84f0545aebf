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

func TestEveryConfigurationIsRunToItsEnd(t *testing.T) {
	c := planned()
	c.RequestsOf = map[string]map[int]int{"mst": {1: 50, 4: 50, 20: 50}}
	c.More = map[string][]string{"mst": {"fixed&request_to_checkpoint=5"}}
	until := map[Configuration]int{}
	for _, s := range c.Steps() {
		if s.Until <= until[s.Configuration] {
			t.Errorf("%v until %d comes after %d", s.Configuration, s.Until, until[s.Configuration])
		}
		until[s.Configuration] = s.Until
	}
	if len(until) != 21 {
		t.Errorf("%d configurations, want 3 rates of 3 strategies for bfs and of 4 for mst: %v", len(until), until)
	}
	for cell, n := range until {
		if want := map[string]int{"bfs": 10, "mst": 50}[cell.Function]; n != want {
			t.Errorf("%v ends at %d, want %d", cell, n, want)
		}
	}
}

func TestBlockGoesThereAndBack(t *testing.T) {
	c := planned()
	c.Functions, c.Rates, c.Requests = []string{"bfs"}, []int{4}, 50
	var strategies []string
	var until []int
	for _, s := range c.Steps() {
		strategies, until = append(strategies, s.Strategy), append(until, s.Until)
	}
	// Half of 50 is 24, the end of a lifetime.
	if diff := cmp.Diff([]int{24, 24, 50, 50, 50}, until); diff != "" {
		t.Errorf("ends of the steps (-want +got):\n%s", diff)
	}
	back := slices.Clone(strategies)
	slices.Reverse(back)
	if diff := cmp.Diff(strategies, back); diff != "" {
		t.Errorf("the way back is not the way there reversed:\n%s", diff)
	}
}

func TestComparedStrategiesRunInARow(t *testing.T) {
	c := planned()
	c.Requests = 80
	for block := range slices.Chunk(c.Steps(), 5) {
		for _, s := range block {
			if s.Function != block[0].Function || s.Rate != block[0].Rate {
				t.Errorf("block %v is not of one function and rate", block)
			}
		}
	}
}

func TestOrderIsDecidedByTheSeed(t *testing.T) {
	a, b, other := planned(), planned(), planned()
	other.Seed = 2
	if diff := cmp.Diff(a.Steps(), b.Steps()); diff != "" {
		t.Errorf("the same seed gave two orders:\n%s", diff)
	}
	if cmp.Equal(a.Steps(), other.Steps()) {
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
