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

func TestABaseIsFreedByTheOneThatUsesItLast(t *testing.T) {
	upload := func(b *base) { b.wait(t.Context()) }
	for claim, tc := range map[string]struct {
		steps []func(*base)
		want  int
	}{
		"by the end, if no upload came":                 {[]func(*base){(*base).end}, 1},
		"by the upload":                                 {[]func(*base){upload, (*base).release}, 1},
		"by the upload, and not again by the end":       {[]func(*base){upload, (*base).release, (*base).end}, 1},
		"not by the end while an upload goes on":        {[]func(*base){upload, (*base).end}, 0},
		"by the upload that goes on after the end":      {[]func(*base){upload, (*base).end, (*base).release}, 1},
		"by the end only, if the upload comes too late": {[]func(*base){(*base).end, upload}, 1},
	} {
		t.Run(claim, func(t *testing.T) {
			freed := 0
			b := &base{
				needed: make(chan struct{}), done: make(chan struct{}), cancel: func() {}, result: &snapshot.Base{},
				free: func(*snapshot.Base) error { freed++; return nil },
			}
			close(b.done)
			for _, step := range tc.steps {
				step(b)
			}
			if freed != tc.want {
				t.Errorf("it was freed %d times, want %d", freed, tc.want)
			}
		})
	}
}
