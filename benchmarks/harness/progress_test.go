package harness

import (
	"regexp"
	"strings"
	"testing"
)

func TestLinesOfARunThatGoesOn(t *testing.T) {
	var out strings.Builder
	p := NewLines(&out)
	steps := []Step{
		{Configuration{"mst", "cold", 4}, 2}, {Configuration{"bfs", "cold", 4}, 2}, {Configuration{"bfs", "request_centric", 4}, 2},
	}
	p.Start(steps, func(c Configuration) int {
		if c.Function == "mst" {
			return 2
		}
		return 0
	})
	p.Begin(Configuration{"bfs", "cold", 4}, 0)
	for _, us := range []int64{4000, 9000} {
		r := requestOf(0, "")
		r.ClientUS, r.WaitUS = us, 1000
		p.Request(r)
	}
	p.Begin(Configuration{"bfs", "request_centric", 4}, 0)
	p.Request(requestOf(0, "reset"))
	p.End()
	got := regexp.MustCompile(`in \d+s`).ReplaceAllString(out.String(), "in Ns")
	want := `3 steps, 6 requests, 2 of them are done
[2/3] bfs, rate 4, cold: 2 requests in Ns, median 8.0 ms, 0 failed
[3/3] bfs, rate 4, request_centric: 1 requests in Ns, median –, 1 failed
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
