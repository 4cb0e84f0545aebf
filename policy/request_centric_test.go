package policy_test

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/policy"
)

const randomStates = 250

func TestRequestCentricStartIsTheSoftmaxOfTheScores(t *testing.T) {
	strategy, r := parse(t, "request_centric"), seeded(1)
	for range randomStates {
		s := randomState(r)
		want := referenceStart(s)
		var total float64
		for i, option := range strategy.Start(s) {
			if !near(option.Probability, want[i]) {
				t.Fatalf("option %d %+v: want probability %v in state %+v", i, option, want[i], s)
			}
			total += option.Probability
		}
		if math.Abs(total-1) > 1e-12 {
			t.Fatalf("probabilities sum to %v in state %+v", total, s)
		}
	}
}

func TestRequestCentricStartOffersColdAndThenThePool(t *testing.T) {
	s := policy.State{Latencies: policy.NewTable(10), Pool: pool(3, 7, 3)}
	third := 0.25 // all unseen: every start is as promising
	want := []policy.StartOption{{"", 0, third}, {"a", 3, third}, {"b", 7, third}, {"c", 3, third}}
	if diff := cmp.Diff(want, parse(t, "request_centric").Start(s)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRequestCentricCheckpointIsProportionalToTheScores(t *testing.T) {
	strategy, r := parse(t, "request_centric"), seeded(2)
	for range randomStates {
		s := randomState(r)
		requestNumber := r.IntN(len(s.Latencies) + 2)
		want := referenceCheckpoint(s, requestNumber)
		options := strategy.Checkpoint(s, requestNumber)
		if len(options) != len(want) {
			t.Fatalf("%d options, want %d at R=%d in state %+v", len(options), len(want), requestNumber, s)
		}
		for _, o := range options {
			if p, ok := want[o.RequestNumber]; !ok || !near(o.Probability, p) {
				t.Fatalf("%+v: want probability %v at R=%d in state %+v", o, p, requestNumber, s)
			}
		}
	}
}

func TestRequestCentricCheckpointRange(t *testing.T) {
	tests := map[string]struct {
		slots, eviction, requestNumber int
		first, last                    int // 0: never
	}{
		"every request of the lifetime":                 {100, 4, 0, 1, 4},
		"also of a restored one":                        {100, 4, 50, 51, 54},
		"up to the request before the end of the table": {100, 20, 90, 91, 99},
		"one is left":                                   {100, 20, 98, 99, 99},
		"none is left at the last slot":                 {100, 20, 99, 0, 0},
		"none behind the table":                         {100, 20, 100, 0, 0},
		"none far behind the table":                     {100, 20, math.MaxInt, 0, 0},
		"without eviction: the rest of the table":       {10, forever, 3, 4, 9},
		"an eviction rate beyond the table is the same": {10, math.MaxInt, 3, 4, 9},
		"an eviction after every request":               {100, 1, 7, 8, 8},
		"no table, no checkpoint":                       {0, 4, 0, 0, 0},
	}
	for claim, test := range tests {
		t.Run(claim, func(t *testing.T) {
			s := policy.State{Latencies: policy.NewTable(test.slots), Eviction: test.eviction}
			first, last := 0, 0
			if options := parse(t, "request_centric").Checkpoint(s, test.requestNumber); len(options) > 0 {
				first, last = options[0].RequestNumber, options[len(options)-1].RequestNumber
			}
			if first != test.first || last != test.last {
				t.Errorf("request numbers %d … %d, want %d … %d", first, last, test.first, test.last)
			}
		})
	}
}

// These states ruin sums that are differences of others, as of prefix sums.
func TestScoresKeepTheirDigitsNextToUnseenSlots(t *testing.T) {
	tests := map[string]float64{
		"weights of 10⁶ beside 0.5":             2e6,
		"weights of 10⁶ beside 10⁻¹⁰":           1e16,
		"weights of 10⁶ beside 10⁻²⁹⁴":          1e300,
		"weights that are all near 10⁶":         1e-3,
		"weights of 10⁶ beside a third of them": 2,
	}
	for claim, latency := range tests {
		t.Run(claim, func(t *testing.T) {
			s := policy.State{Latencies: policy.NewTable(1000), Eviction: 20, Pool: pool(400, 600, 601, 985)}
			for i := 600; i < 1000; i++ {
				s.Latencies[i] = latency * (1 + float64(i)/7e5)
			}
			for _, r := range []int{0, 570, 590, 700} {
				want := referenceCheckpoint(s, r)
				for _, o := range parse(t, "request_centric").Checkpoint(s, r) {
					if !near(o.Probability, want[o.RequestNumber]) {
						t.Errorf("R=%d: %+v, want %v", r, o, want[o.RequestNumber])
					}
				}
			}
			want := referenceStart(s)
			for i, o := range parse(t, "request_centric").Start(s) {
				if !near(o.Probability, want[i]) {
					t.Errorf("%+v, want %v", o, want[i])
				}
			}
		})
	}
}

// Rounding errors of long sums of weights near 10⁶ would show in the softmax.
func TestScoresOfLongWindowsKeepTheirDigits(t *testing.T) {
	r := seeded(7)
	for _, eviction := range []int{forever, 20_000} {
		s := policy.State{Latencies: policy.NewTable(50_000), Eviction: eviction, Pool: pool(9_000, 20_000, 33_000)}
		for i := range s.Latencies {
			s.Latencies[i] = 1e-3 * (1 + r.Float64())
		}
		want := referenceStart(s)
		for i, o := range parse(t, "request_centric").Start(s) {
			if !near(o.Probability, want[i]) {
				t.Errorf("E=%d: %+v, want %v", eviction, o, want[i])
			}
		}
	}
}

func TestRequestCentricSurvivesADamagedState(t *testing.T) {
	s := policy.State{
		Latencies: policy.Table{math.NaN(), -1, math.Inf(1), math.MaxFloat64, -0.0},
		Pool:      []policy.Snapshot{{ID: "a", RequestNumber: -3}, {ID: "b", RequestNumber: math.MaxInt}},
		Eviction:  -1,
	}
	strategy := parse(t, "request_centric&max_capacity=1")
	for _, o := range strategy.Start(s) {
		if !(o.Probability >= 0 && o.Probability <= 1) {
			t.Errorf("%+v: not a probability", o)
		}
	}
	if got := len(strategy.Checkpoint(s, -7)); got != 4 {
		t.Errorf("%d request numbers to checkpoint at, want 4", got)
	}
	if got := strategy.Prune(s, seeded(1)); !slices.Equal(got, []string{"b"}) {
		t.Errorf("pruned %v, want b: an empty window scores 0", got)
	}
}

// fallingTable makes later request numbers faster, so that deeper snapshots
// score better.
func fallingTable(slots int) policy.Table {
	table := policy.NewTable(slots)
	for i := range table {
		table[i] = 1e5 / float64(i+1)
	}
	return table
}

func TestRequestCentricPrune(t *testing.T) {
	tests := map[string]struct {
		spec    string
		pool    []policy.Snapshot
		best    []string // always kept
		removed int
	}{
		"a pool at its capacity is left alone": {
			"request_centric", pool(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14), nil, 0,
		},
		"15 snapshots: 6 for their score, 1 of 9 at random": {
			"request_centric", pool(15, 1, 14, 2, 13, 3, 12, 4, 11, 5, 10, 6, 9, 7, 8),
			[]string{"a", "c", "e", "g", "i", "k"}, 8,
		},
		"the capacity of the spec is honoured": {
			"request_centric&max_capacity=2", pool(1, 2, 3), []string{"c"}, 2,
		},
		"half a snapshot is rounded to even: 2 of 5": {
			"request_centric&max_capacity=4&p=0.5&gamma=0", pool(1, 2, 3, 4, 5), []string{"d", "e"}, 3,
		},
		"of equals the first registered is kept": {
			"request_centric&max_capacity=3&p=0.5&gamma=0", pool(7, 7, 7, 7), []string{"a", "b"}, 2,
		},
		"gamma of the others stay": {
			"request_centric&max_capacity=3&p=0.2&gamma=0.5", pool(1, 2, 3, 4, 5), []string{"e"}, 2,
		},
		"p 1 keeps everything": {
			"request_centric&max_capacity=1&p=1", pool(1, 2, 3), []string{"a", "b", "c"}, 0,
		},
		"p 0 and gamma 0 keep nothing": {
			"request_centric&max_capacity=1&p=0&gamma=0", pool(1, 2, 3), nil, 3,
		},
	}
	for claim, test := range tests {
		t.Run(claim, func(t *testing.T) {
			s := policy.State{Latencies: fallingTable(100), Pool: test.pool, Eviction: 4}
			before := slices.Clone(test.pool)
			removed := parse(t, test.spec).Prune(s, seeded(3))
			if len(removed) != test.removed {
				t.Errorf("removed %v, want %d of them", removed, test.removed)
			}
			for _, id := range removed {
				if slices.Contains(test.best, id) {
					t.Errorf("removed %s, one of the best", id)
				}
			}
			if diff := cmp.Diff(before, s.Pool); diff != "" {
				t.Errorf("the pool changed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRequestCentricPruneSparesEachOfTheOthersEquallyOften(t *testing.T) {
	const rounds = 30_000
	s := policy.State{Latencies: fallingTable(100), Eviction: 4}
	s.Pool = pool(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
	strategy, r := parse(t, "request_centric&max_capacity=9&p=0.4&gamma=0.5"), seeded(4)
	kept := map[string]int{}
	for range rounds {
		removed := strategy.Prune(s, r)
		if len(removed) != 3 || !slices.IsSorted(removed) {
			t.Fatalf("removed %v, want 3 different ones in the order of the pool", removed)
		}
		for _, snapshot := range s.Pool[:6] {
			if !slices.Contains(removed, snapshot.ID) {
				kept[snapshot.ID]++
			}
		}
	}
	for id, n := range kept {
		assertFrequency(t, id, n, rounds, 0.5)
	}
}

func TestLifetime(t *testing.T) {
	tests := map[string]struct {
		spec                           string
		slots, eviction, requestNumber int
		want                           int
	}{
		"request_centric: E":                                      {"request_centric", 100, 20, 0, 20},
		"request_centric: until the end of the table":             {"request_centric", 100, 20, 90, 10},
		"request_centric: one request behind the table":           {"request_centric", 100, 20, 100, 1},
		"request_centric: never without eviction":                 {"request_centric", 100, forever, 0, 0},
		"request_centric: E without a table":                      {"request_centric", 0, 4, 0, 4},
		"request_centric: a negative request number counts as 0":  {"request_centric", 10, 20, -5, 10},
		"fixed: E, whatever the table":                            {"fixed", 100, 20, 90, 20},
		"fixed: never without eviction":                           {"fixed", 100, forever, 90, 0},
		"cold: E, whatever the table":                             {"cold", 10, 20, 0, 20},
		"cold: never without eviction (a negative one is none)":   {"cold", 10, -1, 0, 0},
		"fixed: never without eviction (a negative one is none)":  {"fixed", 10, -1, 0, 0},
		"request_centric: never (a negative eviction is none)":    {"request_centric", 10, -1, 0, 0},
		"request_centric: greatest numbers do not overflow":       {"request_centric", 10, math.MaxInt, math.MaxInt, 1},
		"request_centric: the whole table, at the eviction of it": {"request_centric", 10, 10, 0, 10},
	}
	for claim, test := range tests {
		t.Run(claim, func(t *testing.T) {
			s := policy.State{Latencies: policy.NewTable(test.slots), Eviction: test.eviction}
			if got := parse(t, test.spec).Lifetime(s, test.requestNumber); got != test.want {
				t.Errorf("%d requests, want %d", got, test.want)
			}
		})
	}
}
