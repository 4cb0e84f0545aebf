package lifetime

import (
	"testing"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

func TestTheBaseOfTheNewestSnapshotIsRemembered(t *testing.T) {
	own := &snapshot.Base{}
	for claim, tc := range map[string]struct {
		base  *snapshot.Base
		start string
		want  *snapshot.Base
	}{
		"for the start from it":            {own, "new", own},
		"not for a start from another one": {own, "old", nil},
		"nor where there is none":          {nil, "new", nil},
	} {
		t.Run(claim, func(t *testing.T) {
			var m Manager
			m.remember(snapshot.Stored{ManifestSHA256: "new", Base: tc.base})
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
