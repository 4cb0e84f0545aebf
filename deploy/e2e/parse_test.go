package e2e

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseCounters(t *testing.T) {
	const text = `# HELP x y
# TYPE pronghorn_lifetimes_total counter
pronghorn_lifetimes_total{reason="planned",start="restored"} 3
pronghorn_lifetimes_total{reason="planned",start="cold"} 1
pronghorn_lifetimes_total_other{reason="planned",start="cold"} 7
pronghorn_lifetimes_total{start="cold",reason="agent_unavailable"} 2
`
	got := parseCounters(text, "pronghorn_lifetimes_total", "start", "reason")
	want := map[string]int{"restored planned": 3, "cold planned": 1, "cold agent_unavailable": 2}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
