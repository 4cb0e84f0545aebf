package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestArrangementsAreMeasuredInTheOrderThatPinningAllows(t *testing.T) {
	for list, want := range map[string][]string{
		"worker,free":       {arrangedFree, arrangedAsWorker},
		"worker":            {arrangedAsWorker},
		"apart,worker,free": {arrangedFree, arrangedApart, arrangedAsWorker},
	} {
		got, err := parseArrangements(list)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%q: %v (-want +got):\n%s", list, err, diff)
		}
	}
	for _, list := range []string{"", "worker,worker", "nowhere", "free,"} {
		if got, err := parseArrangements(list); err == nil {
			t.Errorf("%q was taken as %v", list, got)
		}
	}
}

func TestIdleShare(t *testing.T) {
	const before = "cpu  10 0 10 100 0 0 0 0 0 0\ncpu0 5 0 5 40 10 0 0 0 0 0\ncpu1 5 0 5 50 0 0 0 0 0 0\nintr 1\n"
	const after = "cpu  40 0 20 160 0 0 0 0 0 0\ncpu0 10 0 10 65 15 5 5 0 0 0\ncpu1 30 0 10 80 0 0 0 0 0 0\nintr 2\n"
	for claim, tc := range map[string]struct {
		cpu  int
		want float64
	}{
		"of one CPU, its waiting for disks included": {0, 0.6},
		"of all":                              {-1, 0.6},
		"of a CPU that worked for half of it": {1, 0.5},
	} {
		t.Run(claim, func(t *testing.T) {
			one, err := timesIn(before, tc.cpu)
			if err != nil {
				t.Fatal(err)
			}
			two, err := timesIn(after, tc.cpu)
			if got := two.idleSince(one); got != tc.want || err != nil {
				t.Errorf("got %v, %v; want %v", got, err, tc.want)
			}
		})
	}
	for claim, stat := range map[string]string{"no such CPU": before, "too few fields": "cpu7 1 2 3\n", "not a number": "cpu7 1 2 x 4 5 6 7 8 9 10\n"} {
		if _, err := timesIn(stat, 7); err == nil {
			t.Errorf("%s: was taken", claim)
		}
	}
}
