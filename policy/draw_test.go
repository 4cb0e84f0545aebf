package policy_test

import (
	"math"
	"testing"

	"github.com/pronghorn-faas/pronghorn/policy"
)

const draws = 100_000

// assertFrequency allows five standard deviations: one wrong alarm in millions,
// and none that comes and goes, since the seeds are fixed.
func assertFrequency(t *testing.T, what any, times, of int, probability float64) {
	t.Helper()
	deviation := math.Sqrt(probability * (1 - probability) * float64(of))
	if math.Abs(float64(times)-probability*float64(of)) > 5*deviation {
		t.Errorf("%v: drawn %d times of %d, want a share of %v", what, times, of, probability)
	}
}

func TestDrawStartFollowsTheProbabilities(t *testing.T) {
	options := []policy.StartOption{{"", 0, 0}, {"a", 5, 0.55}, {"b", 7, 0}, {"c", 9, 0.15}, {"d", 9, 0.3}}
	r, times := seeded(5), map[string]int{}
	for range draws {
		times[policy.DrawStart(options, r).ID]++
	}
	for _, o := range options {
		assertFrequency(t, o, times[o.ID], draws, o.Probability)
	}
}

func TestDrawCheckpointFollowsTheProbabilities(t *testing.T) {
	table := fallingTable(100)
	options := parse(t, "request_centric").Checkpoint(policy.State{Latencies: table, Eviction: 20}, 0)
	r, times := seeded(6), map[int]int{}
	for range draws {
		n, ok := policy.DrawCheckpoint(options, r)
		if !ok {
			t.Fatal("nothing drawn")
		}
		times[n]++
	}
	for _, o := range options {
		assertFrequency(t, o, times[o.RequestNumber], draws, o.Probability)
	}
}

// stuck is a random source that always returns the same number.
type stuck float64

func (s stuck) Float64() float64 { return float64(s) }
func (s stuck) IntN(int) int     { return 0 }

func TestDrawAtTheEnds(t *testing.T) {
	impossible := policy.StartOption{ID: "impossible"}
	possible := policy.StartOption{ID: "possible", Probability: 0.5}
	tests := map[string]struct {
		u       stuck
		options []policy.StartOption
		want    string
	}{
		"0 does not draw an impossible first option":       {0, []policy.StartOption{impossible, possible, possible}, "possible"},
		"a rounding gap at the top is the last possible's": {1 - 1e-16, []policy.StartOption{possible, {ID: "last", Probability: 0.49}, impossible}, "last"},
		"no options are a cold start":                      {0.5, nil, ""},
		"no possible option is a cold start":               {0.5, []policy.StartOption{impossible}, ""},
	}
	for claim, test := range tests {
		t.Run(claim, func(t *testing.T) {
			if got := policy.DrawStart(test.options, test.u); got.ID != test.want {
				t.Errorf("drew %+v, want %q", got, test.want)
			}
		})
	}
}

func TestDrawCheckpointOfNothing(t *testing.T) {
	if n, ok := policy.DrawCheckpoint(nil, stuck(0)); ok {
		t.Errorf("drew %d from no options", n)
	}
}
