package lifetime

import (
	"context"
	"errors"
	"slices"
	"testing"
)

// asked is a Support that writes down what is asked of CRIU.
type asked struct {
	*Support
	calls  []string
	learns error
}

func newAsked(quick bool, learns, works error) *asked {
	a := &asked{learns: learns}
	a.Support = NewSupport(func() (string, bool, error) { return "privileged", quick, nil }, func(context.Context) error {
		a.calls = append(a.calls, "verify")
		return works
	})
	return a
}

func (a *asked) ready(t *testing.T) Failure {
	return a.Ready(t.Context(), func(context.Context) error {
		a.calls = append(a.calls, "learn")
		return a.learns
	})
}

func TestCRIULearnsOnceAndIsVerifiedLater(t *testing.T) {
	broken, nothing := errors.New("broken"), errors.New("nothing learned")
	for claim, tc := range map[string]struct {
		quick         bool
		learns, works error
		want          []string // of two restores
		fails         bool
	}{
		"a node that knows is not asked":                    {quick: true},
		"what was learned is enough, even of a broken CRIU": {works: broken, want: []string{"learn"}},
		"it is verified where it cannot learn":              {learns: nothing, want: []string{"learn", "verify"}},
		"which tells a broken one":                          {learns: nothing, works: broken, want: []string{"learn", "verify"}, fails: true},
	} {
		t.Run(claim, func(t *testing.T) {
			a := newAsked(tc.quick, tc.learns, tc.works)
			for range 2 {
				if why := a.ready(t); why.None() == tc.fails {
					t.Errorf("got %v", why)
				}
			}
			if !slices.Equal(a.calls, tc.want) {
				t.Errorf("asked %q, want %q", a.calls, tc.want)
			}
		})
	}
}

func TestWhatWasVerifiedNeedNotLearn(t *testing.T) {
	a := newAsked(false, nil, nil)
	a.Verify(t.Context())
	if why := a.ready(t); !why.None() || !slices.Equal(a.calls, []string{"verify"}) {
		t.Errorf("asked %q (%v), want only to verify", a.calls, why)
	}
}

func TestBrokenCRIUIsFoundOutAfterItHasLearned(t *testing.T) {
	a := newAsked(false, nil, errors.New("broken"))
	a.ready(t)
	if why := a.Verify(t.Context()); why.Code != codeNoCRIU || !slices.Equal(a.calls, []string{"learn", "verify"}) {
		t.Errorf("asked %q and got %v, want CRIU to be blamed", a.calls, why)
	}
	if why := a.ready(t); why.Code != codeNoCRIU {
		t.Errorf("the next restore is told %v", why)
	}
}
