package lifetime

import (
	"context"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/watchdog/gate"
)

func TestPatienceFollowsTheUsualTimeBetweenRequests(t *testing.T) {
	for claim, tc := range map[string]struct {
		admitted int
		since    time.Duration
		want     time.Duration
	}{
		"three times as long":                {100, 200 * time.Millisecond, 6 * time.Millisecond},
		"at least as long as a client takes": {10000, time.Second, leastPatience},
		"no longer than is worth it":         {20, time.Second, mostPatience},
		"nothing was admitted":               {0, time.Second, mostPatience},
	} {
		if got := patience(tc.admitted, tc.since); got != tc.want {
			t.Errorf("%s: %s, want %s", claim, got, tc.want)
		}
	}
}

func TestCheckpointIsPreparedInGoodTime(t *testing.T) {
	for left, want := range map[int]int{3000: mostAhead, 90: 30, 20: leastAhead, 0: leastAhead} {
		if got := ahead(left); got != want {
			t.Errorf("with %d requests left it is prepared %d before, want %d", left, got, want)
		}
	}
}

func TestFunctionTakesItsTimeOnlyWhenNobodyWaits(t *testing.T) {
	for claim, tc := range map[string]struct {
		busy          bool // requests came in quickly
		waits, coming bool // the next one is there, or about to be
		want          bool
	}{
		"somebody waits already":               {false, true, false, true},
		"the next one comes as quickly":        {true, false, true, true},
		"requests came quickly and have ended": {true, false, false, false},
		"requests came slowly":                 {false, false, false, false},
	} {
		t.Run(claim, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			g := &gate.Gate{} // shut
			m := &Manager{gate: g}
			l := &life{opened: time.Now().Add(-time.Minute)} // so that patience is at its most
			if tc.busy {
				l.preparation = &preparation{}
			}
			gone := make(chan struct{})
			go func() {
				defer close(gone)
				if tc.waits || tc.coming {
					_, _ = g.Enter(ctx)
				}
			}()
			if tc.waits {
				<-g.Held()
			}
			if got := m.nextComes(ctx, l); got != tc.want {
				t.Errorf("somebody waits: %t, want %t", got, tc.want)
			}
			cancel()
			<-gone
		})
	}
}
