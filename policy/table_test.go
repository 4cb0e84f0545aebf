package policy_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/policy"
)

func TestObserve(t *testing.T) {
	type sample struct {
		n  int
		us float64
	}
	tests := map[string]struct {
		samples []sample
		eps     float64
		want    policy.Table
	}{
		"the first latency of a slot is taken as it is": {
			samples: []sample{{1, 800}}, eps: 0.5, want: policy.Table{800, 0, 0, 0},
		},
		"later ones are blended with weight eps": {
			samples: []sample{{1, 800}, {1, 400}, {1, 100}}, eps: 0.25, want: policy.Table{550, 0, 0, 0},
		},
		"eps 1 forgets what was before": {
			samples: []sample{{1, 800}, {1, 400}}, eps: 1, want: policy.Table{400, 0, 0, 0},
		},
		"the last slot takes the value of the one before it": {
			samples: []sample{{3, 300}}, eps: 0.5, want: policy.Table{0, 0, 300, 300},
		},
		"also when it was the one observed": {
			samples: []sample{{3, 300}, {4, 900}}, eps: 0.5, want: policy.Table{0, 0, 300, 300},
		},
		"and becomes unseen again if that one is": {
			samples: []sample{{4, 900}}, eps: 0.5, want: policy.Table{0, 0, 0, 0},
		},
		"a measured 0 counts as a nanosecond, not as unseen": {
			samples: []sample{{1, 0}, {1, 1}}, eps: 0.5, want: policy.Table{0.5005, 0, 0, 0},
		},
	}
	for claim, test := range tests {
		t.Run(claim, func(t *testing.T) {
			table := policy.NewTable(4)
			for _, s := range test.samples {
				if !table.Observe(s.n, s.us, test.eps) {
					t.Errorf("Observe(%d, %v) refused", s.n, s.us)
				}
			}
			if diff := cmp.Diff(test.want, table); diff != "" {
				t.Errorf("table (-want +got):\n%s", diff)
			}
		})
	}
}

func TestObserveRefuses(t *testing.T) {
	tests := map[string]struct {
		n       int
		us, eps float64
	}{
		"request number 0":               {0, 5, 0.5},
		"a negative request number":      {-1, 5, 0.5},
		"a request number past the last": {4, 5, 0.5},
		"a negative latency":             {2, -1, 0.5},
		"a latency that is no number":    {2, math.NaN(), 0.5},
		"an infinite latency":            {2, math.Inf(1), 0.5},
		"eps 0":                          {2, 5, 0},
		"eps above 1":                    {2, 5, 1.1},
		"an eps that is no number":       {2, 5, math.NaN()},
	}
	for claim, test := range tests {
		t.Run(claim, func(t *testing.T) {
			table := policy.Table{10, 20, 20}
			if table.Observe(test.n, test.us, test.eps) {
				t.Error("Observe took it")
			}
			if diff := cmp.Diff(policy.Table{10, 20, 20}, table); diff != "" {
				t.Errorf("the table changed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestObserveOfATableWithOneSlot(t *testing.T) {
	table := policy.NewTable(1)
	if !table.Observe(1, 7, 0.5) || table[0] != 7 {
		t.Errorf("table %v, want [7]", table)
	}
}

func TestResized(t *testing.T) {
	table := policy.Table{1, 2, 3}
	tests := map[string]struct {
		slots int
		want  policy.Table
	}{
		"longer: new slots are unseen": {5, policy.Table{1, 2, 3, 0, 0}},
		"shorter: the end is cut off":  {2, policy.Table{1, 2}},
		"negative: nothing is left":    {-1, policy.Table{}},
	}
	for claim, test := range tests {
		t.Run(claim, func(t *testing.T) {
			if diff := cmp.Diff(test.want, table.Resized(test.slots)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	table.Resized(3)[0] = 99
	if table[0] != 1 {
		t.Error("the copy shares its slots with the table")
	}
}
