package lifetime

import (
	"testing"

	"github.com/pronghorn-faas/pronghorn/snapshot/userfault"
)

func TestMemoryComesLaterWhereThatIsWorthIt(t *testing.T) {
	region := func(pages uint64) []userfault.Region { return []userfault.Region{{End: pages * userfault.PageSize}} }
	m := &Manager{Settings: Settings{LazyMin: leastGiven}}
	const few, many = leastGiven/userfault.PageSize - 1, 5000
	for claim, c := range map[string]struct {
		pages, soon uint64
		waits       int
		learn, want bool
	}{
		"nothing is known, and nobody learns":       {many, 0, 0, false, false},
		"nothing is known, and the checkpoint will": {many, 0, 0, true, true},
		"it is known": {many, 1000, 0, false, true},
		"it is known, and most is needed at once":    {many, many - few, 0, false, false},
		"there is little of it":                      {few, 0, 0, true, false},
		"it is known badly, and nobody learns":       {many, 1000, 400, false, false},
		"it is known badly, and the checkpoint will": {many, 1000, 400, true, true},
		"the process hardly waits":                   {many, 1000, 399, false, true},
	} {
		list := []userfault.Missing{{Regions: region(c.pages), Soon: region(c.soon)}}
		if got := m.worthLater(list, c.waits, c.learn); got != c.want {
			t.Errorf("%s: %t, want %t", claim, got, c.want)
		}
	}
}

func TestMemoryDoesNotComeFromCRIUWhereThatIsWorthIt(t *testing.T) {
	of := func(bytes uint64) userfault.Missing {
		return userfault.Missing{Regions: []userfault.Region{{End: bytes}}}
	}
	for claim, c := range map[string]struct {
		list        []userfault.Missing
		whole, want bool
	}{
		"some comes later":                         {[]userfault.Missing{of(leastGiven)}, false, true},
		"some of several processes comes later":    {[]userfault.Missing{of(leastGiven), of(1 << 20)}, false, true},
		"all of it comes at once":                  {[]userfault.Missing{of(leastGiven)}, true, true},
		"all of several processes comes at once":   {[]userfault.Missing{of(leastGiven), of(1 << 20)}, true, false},
		"there is little of it":                    {[]userfault.Missing{of(leastGiven - 1)}, true, false},
		"there is none that the kernel tells of":   {nil, true, false},
		"little of two processes makes much of it": {[]userfault.Missing{of(leastGiven / 2), of(leastGiven / 2)}, false, true},
	} {
		if got := worthGiving(c.list, c.whole); got != c.want {
			t.Errorf("%s: %t, want %t", claim, got, c.want)
		}
	}
}

func TestWhatIsKnownOfTouchesIsHandedOnByAProcessThatHasAllOfItsMemory(t *testing.T) {
	l := &life{}
	l.known.Waits = 7
	l.known.Ranges = []userfault.Touched{{PID: 1, Start: 0, End: userfault.PageSize}}
	for _, mine := range []*memory{nil, {}} { // that it got from CRIU, or from its pager before it ran
		l.memory, l.whole = mine, mine != nil
		if got := l.touches(); got.Waits != 7 || len(got.Ranges) != 1 {
			t.Errorf("got %+v, want what the image said", got)
		}
	}
}
