package metrics

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func scrape(m *Metrics) string {
	rec := httptest.NewRecorder()
	m.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	return rec.Body.String()
}

func TestRequestsAreTimedByRangeOfTheirNumber(t *testing.T) {
	for number, want := range map[int]string{
		1: "001", 2: "002-010", 10: "002-010", 11: "011-050", 50: "011-050", 51: "051-100",
		100: "051-100", 101: "101-200", 200: "101-200", 201: "201+", 1_000_000: "201+",
	} {
		if got := numbers[rangeOf(number)].label; got != want {
			t.Errorf("request %d is in %q, want %q", number, got, want)
		}
	}
}

func TestSeriesOfRequestsAreFixedInNumberAndNamedForTheFunction(t *testing.T) {
	m := NewFor("bfs")
	d := m.NewRequestDurations()
	before := strings.Count(scrape(m), "\npronghorn_request_duration_seconds")
	for n := range 5000 {
		d.Observe(n%2 == 0, n+1, time.Duration(n)*time.Millisecond)
	}
	body := scrape(m)
	if after := strings.Count(body, "\npronghorn_request_duration_seconds"); after != before || before == 0 {
		t.Errorf("%d series before 5,000 requests, %d after", before, after)
	}
	for _, want := range []string{
		`pronghorn_request_duration_seconds_count{function="bfs",number="001",start="restored"} 1`,
		`pronghorn_request_duration_seconds_count{function="bfs",number="002-010",start="cold"} 5`,
		`pronghorn_request_duration_seconds_count{function="bfs",number="201+",start="cold"} 2400`,
	} {
		if !strings.Contains(body, want+"\n") {
			t.Errorf("no line %s in\n%s", want, body)
		}
	}
}

func TestMetricsOfUpstreamKeepItsLabels(t *testing.T) {
	m := NewFor("bfs")
	m.Requests.WithLabelValues("200", "get").Inc()
	if body := scrape(m); !strings.Contains(body, "\nhttp_requests_total{code=\"200\",method=\"get\"} 1\n") {
		t.Errorf("http_requests_total is not as upstream has it:\n%s", body)
	}
}
