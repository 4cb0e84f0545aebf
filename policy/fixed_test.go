package policy_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/policy"
)

func TestFixedStart(t *testing.T) {
	tests := map[string]struct {
		pool []policy.Snapshot
		want []policy.StartOption
	}{
		"an empty pool starts cold": {
			nil, []policy.StartOption{{"", 0, 1}},
		},
		"the snapshot at K": {
			pool(3, 10, 12), []policy.StartOption{{"b", 10, 1}},
		},
		"the nearest below K, never one past it": {
			pool(3, 9, 11, 4), []policy.StartOption{{"b", 9, 1}},
		},
		"of equals the first registered": {
			pool(3, 9, 9), []policy.StartOption{{"b", 9, 1}},
		},
		"any, if all are past K": {
			pool(11, 50), []policy.StartOption{{"a", 11, 0.5}, {"b", 50, 0.5}},
		},
	}
	for claim, test := range tests {
		t.Run(claim, func(t *testing.T) {
			got := parse(t, "fixed&request_to_checkpoint=10").Start(policy.State{Pool: test.pool})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFixedCheckpoint(t *testing.T) {
	tests := map[string]struct {
		eviction, requestNumber int
		want                    int // 0: never
	}{
		"at K when the lifetime reaches it":                {20, 0, 10},
		"at K when it is the last request":                 {10, 0, 10},
		"at the last request when K is further":            {4, 0, 4},
		"also of a restored lifetime":                      {4, 4, 8},
		"the request after R at the least":                 {1, 9, 10},
		"never at K: request R has been served":            {4, 10, 0},
		"never past K":                                     {4, 11, 0},
		"at K when lifetimes are not evicted":              {forever, 0, 10},
		"the greatest eviction rate does not overflow":     {math.MaxInt, 3, 10},
		"a negative eviction rate is none":                 {-1, 3, 10},
		"a negative request number counts as a cold start": {4, -1, 4},
	}
	for claim, test := range tests {
		t.Run(claim, func(t *testing.T) {
			var want []policy.CheckpointOption
			if test.want > 0 {
				want = []policy.CheckpointOption{{RequestNumber: test.want, Probability: 1}}
			}
			s := policy.State{Eviction: test.eviction}
			got := parse(t, "fixed&request_to_checkpoint=10").Checkpoint(s, test.requestNumber)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFixedPrune(t *testing.T) {
	tests := map[string]struct {
		pool []policy.Snapshot
		want []string
	}{
		"a pool at its capacity is left alone":        {pool(1, 2, 3), nil},
		"those furthest below K leave":                {pool(1, 9, 2, 10, 3), []string{"a", "c"}},
		"those past K leave before those below it":    {pool(11, 1, 10, 12, 2), []string{"a", "d"}},
		"of equals the last registered leaves":        {pool(5, 5, 5, 5), []string{"d"}},
		"all past K: the first registered ones stay":  {pool(99, 11, 12, 13), []string{"d"}},
		"fewer past K than leave: the deepest remain": {pool(7, 8, 99, 9, 10), []string{"a", "c"}},
	}
	for claim, test := range tests {
		t.Run(claim, func(t *testing.T) {
			strategy := parse(t, "fixed&request_to_checkpoint=10&max_capacity=3")
			got := strategy.Prune(policy.State{Pool: test.pool}, seeded(1))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("removed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestColdUsesNoSnapshot(t *testing.T) {
	strategy := parse(t, "cold")
	s := policy.State{Latencies: policy.NewTable(100), Pool: pool(make([]int, 50)...), Eviction: 4}
	if diff := cmp.Diff([]policy.StartOption{{"", 0, 1}}, strategy.Start(s)); diff != "" {
		t.Errorf("start (-want +got):\n%s", diff)
	}
	if got := strategy.Checkpoint(s, 0); len(got) > 0 {
		t.Errorf("checkpoints at %v", got)
	}
	if got := strategy.Prune(s, seeded(1)); got != nil {
		t.Errorf("prunes %v", got)
	}
}
