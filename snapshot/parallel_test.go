package snapshot

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestWorkInTheBackgroundRestsForAsLongAsItTakes(t *testing.T) {
	for claim, tc := range map[string]struct {
		pieces      int
		takes, want time.Duration // each; all together, rests included
	}{
		"what is short, a few pieces at a time":    {100, 100 * time.Microsecond, 20 * time.Millisecond},
		"what is long, after each piece":           {10, 2 * time.Millisecond, 40 * time.Millisecond},
		"what is longer, no longer than is wanted": {10, 5 * time.Millisecond, 70 * time.Millisecond},
		"not at all after hardly anything":         {5, 100 * time.Microsecond, 500 * time.Microsecond},
	} {
		t.Run(claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				work := resting(func(int) error { time.Sleep(tc.takes); return nil })
				for i := range tc.pieces {
					if err := work(i); err != nil {
						t.Fatal(err)
					}
				}
				if took := time.Since(begin); took != tc.want {
					t.Errorf("it took %v, want %v", took, tc.want)
				}
			})
		})
	}
}
