package lifetime

import (
	"testing"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

func TestTheBaseOfTheNewestSnapshotIsRemembered(t *testing.T) {
	own := &snapshot.Base{}
	stored := snapshot.Stored{ManifestSHA256: "new", Base: own}
	for claim, tc := range map[string]struct {
		evict bool
		start string
		want  *snapshot.Base
	}{
		"for the start from it":                    {true, "new", own},
		"not for a start from another one":         {true, "old", nil},
		"nor where no lifetime follows in its own": {false, "new", nil},
	} {
		t.Run(claim, func(t *testing.T) {
			m := &Manager{Settings: Settings{Evict: tc.evict}}
			m.remember(stored)
			b := m.remembered(tc.start)
			if got := b.wait(t.Context()); got != tc.want {
				t.Errorf("the base is %p, want %p", got, tc.want)
			}
			b.settle() // does not wait
			b.end()
		})
	}
}

func TestNothingIsRememberedAtFirst(t *testing.T) {
	if b := (&Manager{}).remembered("any"); b != nil {
		t.Errorf("got %v", b)
	}
}
