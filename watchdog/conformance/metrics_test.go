package conformance_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestMetricsHaveUpstreamsNames(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	w.get("/status?code=200")
	text := w.metrics()
	for _, sample := range []string{
		`http_requests_total{code="200",method="get"} 1`,
		`http_request_duration_seconds_count{code="200",method="get"} 1`,
		`http_request_duration_seconds_bucket{code="200",method="get",le="0.005"} `,
		`http_request_duration_seconds_bucket{code="200",method="get",le="10"} 1`,
		`http_request_duration_seconds_bucket{code="200",method="get",le="+Inf"} 1`,
		`http_requests_in_flight 0`,
		`go_goroutines `, `process_open_fds `, `promhttp_metric_handler_requests_total{code="200"} `,
	} {
		if !strings.Contains(text, "\n"+sample) {
			t.Errorf("no %s in\n%s", sample, text)
		}
	}
}

func TestMetricsCountRequests(t *testing.T) {
	t.Parallel()
	w := start(t, env{"exec_timeout": "500ms"})
	w.awaitFunction()
	for claim, tc := range map[string]struct {
		request request
		sample  string
		want    float64
	}{
		"by method, in lower case":     {request{method: "POST", path: "/status?code=201"}, `http_requests_total{code="201",method="post"}`, 1},
		"by status":                    {request{path: "/status?code=404"}, `http_requests_total{code="404",method="get"}`, 1},
		"those that fail":              {request{method: "DELETE", path: "/reset"}, `http_requests_total{code="500",method="delete"}`, 1},
		"those that take too long":     {request{method: "PUT", path: "/hang"}, `http_requests_total{code="504",method="put"}`, 1},
		"strange methods as one":       {request{method: "BREW", path: "/status?code=200"}, `http_requests_total{code="200",method="unknown"}`, 1},
		"but not questions for health": {request{path: "/_/health"}, `http_requests_total{code="200",method="get"}`, w.metric(`http_requests_total{code="200",method="get"}`)},
	} {
		t.Run(claim, func(t *testing.T) {
			w.send(tc.request)
			if got := w.metric(tc.sample); got != tc.want {
				t.Errorf("%s is %v, want %v", tc.sample, got, tc.want)
			}
		})
	}
}

func TestMetricsCountRequestsInFlight(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	w.stream(request{path: "/pieces"})
	if got := w.metric("http_requests_in_flight"); got != 1 {
		t.Errorf("%v requests in flight, want 1", got)
	}
	w.direct("/release")
	w.await("end of the request", func() bool { return w.metric("http_requests_in_flight") == 0 })
}

func TestMetricsCountTheRefused(t *testing.T) {
	t.Parallel()
	w := start(t, env{"max_inflight": "1"})
	w.stream(request{path: "/pieces"})
	check(t, w.send(request{method: "PATCH"}), answer{Status: 429, Body: "Concurrent request limit exceeded. Max concurrent requests: 1\n"})
	if got := w.metric(`http_requests_total{code="429",method="patch"}`); got != 1 {
		t.Errorf("%v refused requests counted, want 1", got)
	}
}

func TestMetricsCountCutAnswers(t *testing.T) {
	t.Parallel()
	w := start(t, env{"exec_timeout": "300ms"})
	w.awaitFunction()
	w.send(request{method: "POST", path: "/half"})
	w.await("count of the request", func() bool { return w.metric(`http_requests_total{code="200",method="post"}`) == 1 })
}

func TestMetricsHaveTheirOwnPort(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	resp, err := w.client.Get("http://127.0.0.1:8081/")
	if err != nil {
		t.Fatal(err)
	}
	if got := read(resp); got.Status != http.StatusNotFound {
		t.Errorf("status %d beside /metrics, want 404", got.Status)
	}
	if got := w.arrived(t, request{path: "/metrics"}); got.URI != "/metrics" {
		t.Error("/metrics on the main port is the function's")
	}
}
