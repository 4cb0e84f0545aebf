package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMedian(t *testing.T) {
	for claim, tc := range map[string]struct {
		values []float64
		want   float64
	}{
		"of none is 0":                       {nil, 0},
		"of an odd number is the middle":     {[]float64{9, 1, 2}, 2},
		"of an even number is between":       {[]float64{4, 1, 2, 9}, 3},
		"one outlier does not move it a lot": {[]float64{1, 1, 1, 1000}, 1},
	} {
		if got := median(tc.values); got != tc.want {
			t.Errorf("%s: got %v, want %v", claim, got, tc.want)
		}
	}
}

func TestRatiosAreOfMedians(t *testing.T) {
	s := samples{
		{Way: "ours", Values: map[string]float64{"gap_ms": 10}},
		{Way: "ours", Values: map[string]float64{"gap_ms": 20}},
		{Way: "theirs", Values: map[string]float64{"gap_ms": 60}, Failed: []string{"In-flight connection"}},
	}
	if got := s.ratio("theirs", "ours", "gap_ms"); got != 4 {
		t.Errorf("ratio %v, want 4", got)
	}
	if got := s.ratio("theirs", "nobody", "gap_ms"); got != 0 {
		t.Errorf("ratio %v of nobody, want 0", got)
	}
	if got := s.failures("theirs"); got != 1 {
		t.Errorf("%d failures, want 1", got)
	}
}

func TestEverySecondRoundGoesBackwards(t *testing.T) {
	var order []string
	_ = inTurns(3, []string{"a", "b"}, func(_ int, way string) error {
		order = append(order, way)
		return nil
	})
	if diff := cmp.Diff([]string{"a", "b", "b", "a", "a", "b"}, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestGapsCoverAllOfTheCheckpoint(t *testing.T) {
	begin := time.Now()
	at := func(ms ...int) (times []time.Time) {
		for _, n := range ms {
			times = append(times, begin.Add(time.Duration(n)*time.Millisecond))
		}
		return times
	}
	// Answers of two connections; the checkpoint lasts from 25 to 60.
	gaps := gapsBetween(at(10, 20, 70, 11, 30, 71, 200), at(25)[0], at(60)[0])
	want := []time.Duration{10 * time.Millisecond, 40 * time.Millisecond}
	slices.Sort(gaps)
	if diff := cmp.Diff(want, gaps); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
}

func TestTableHoldsEveryRatioAndItsBar(t *testing.T) {
	r := newReport(options{n: 1, generations: 1}, cpuPlan{})
	r.Runtimes["pypy"] = &result{
		FullBytes: 30, PoolBytes: 2,
		Pauses: samples{
			{Way: pauseOurs, Values: map[string]float64{"gap_ms": 20}},
			{Way: pauseTheirs, Values: map[string]float64{"gap_ms": 90}},
		},
	}
	r.finish()
	if r.PauseRatio["pypy"] != 4.5 || r.PoolRatio["pypy"] != 15 {
		t.Errorf("pause %v, pool %v: want 4.5 and 15", r.PauseRatio, r.PoolRatio)
	}
	var out bytes.Buffer
	r.print(&out)
	for _, want := range []string{"pause_ratio", "4.50", "≥ 4", "start_ratio_warm", "≤ 1.5", pauseTheirs} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table has no %q:\n%s", want, &out)
		}
	}
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, args := range [][]string{{"-n", "0"}, {"-only", "node"}, {"-parts", "all"}, {"-env", "X"}, {"-request", "x"}, {"more"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%q: accepted", args)
		}
	}
}
