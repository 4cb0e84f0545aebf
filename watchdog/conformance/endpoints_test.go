package conformance_test

import (
	"net/http"
	"testing"
)

func TestHealth(t *testing.T) {
	t.Parallel()
	w := start(t, env{"ready_path": ""})
	for claim, tc := range map[string]struct {
		request request
		want    answer
	}{
		"GET is answered OK":             {request{path: "/_/health"}, answer{Status: 200, Body: "OK"}},
		"HEAD is not allowed":            {request{method: "HEAD", path: "/_/health"}, answer{Status: 405}},
		"POST is not allowed":            {request{method: "POST", path: "/_/health"}, answer{Status: 405}},
		"readiness has no body":          {request{path: "/_/ready"}, answer{Status: 200}},
		"readiness is asked by GET only": {request{method: "HEAD", path: "/_/ready"}, answer{Status: 405}},
	} {
		t.Run(claim, func(t *testing.T) { check(t, w.send(tc.request), tc.want) })
	}
	t.Run("other paths of the kind go to the function", func(t *testing.T) {
		if got := w.arrived(t, request{path: "/_/other"}); got.URI != "/_/other" {
			t.Errorf("the function got %q", got.URI)
		}
	})
}

func TestHealthFollowsTheLockFile(t *testing.T) {
	t.Parallel()
	for claim, tc := range map[string]struct {
		env    env
		before func(*running)
		want   int
	}{
		"it is healthy with a lock file":             {before: (*running).awaitHealth, want: 200},
		"a removed lock file makes it unhealthy":     {before: func(w *running) { w.awaitHealth(); w.removeLock() }, want: 503},
		"without a lock of its own it never becomes": {env: env{"suppress_lock": "true"}, before: (*running).awaitFunction, want: 503},
		"until somebody else writes one":             {env: env{"suppress_lock": "1"}, before: func(w *running) { w.awaitFunction(); w.writeLock() }, want: 200},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			w := launch(t, spec{env: tc.env})
			tc.before(w)
			check(t, w.get("/_/health"), answer{Status: tc.want, Body: map[int]string{200: "OK"}[tc.want]})
			check(t, w.get("/_/ready"), answer{Status: tc.want})
			check(t, w.get("/status?code=200"), answer{Status: 200})
		})
	}
}

func TestHealthIgnoresTheFunctionAndTheLimit(t *testing.T) {
	t.Parallel()
	w := start(t, env{"max_inflight": "1"})
	w.stream(request{path: "/pieces"})
	check(t, w.get("/_/health"), answer{Status: 200, Body: "OK"})
	check(t, w.get("/_/ready"), answer{Status: 429})
	check(t, w.get("/"), answer{
		Status: 429, Body: "Concurrent request limit exceeded. Max concurrent requests: 1\n",
		Header: map[string]string{"X-OpenFaaS-Internal": "faas-middleware", "Content-Type": "text/plain.*"},
	})
	w.direct("/release")
	w.await("readiness after the request", func() bool { return w.get("/_/ready").Status == http.StatusOK })
}

func TestReadyPathAsksTheFunction(t *testing.T) {
	t.Parallel()
	for claim, tc := range map[string]struct {
		path string
		want answer
	}{
		"the answer is the function's own, and so is Host": {"/ready", answer{Status: 203, Body: "127.0.0.1:5000"}},
		"it may say that it is not ready":                  {"/reset", answer{Status: 500, Header: internal}},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			w := launch(t, spec{env: env{"ready_path": tc.path}})
			w.awaitFunction()
			check(t, w.get("/_/ready"), tc.want)
			if counted := w.metric(`http_requests_total{code="203",method="get"}`); counted != 0 {
				t.Errorf("the question was counted as a request: %v", counted)
			}
		})
	}
}

// What the function is asked while it boots: upstream fails it at once, though
// health says that requests are welcome.
func TestRequestsDuringTheBoot(t *testing.T) {
	t.Parallel()
	for claim, tc := range map[string]struct {
		env       env
		request   request
		want      answer
		deviation string
		upstream  *answer
	}{
		"they wait": {
			env: env{"FUNCTION_BOOT": "500ms"}, request: request{path: "/echo", method: "POST", body: "x"}, want: answer{Status: 200, Body: "x"},
			deviation: "a request before the function listens fails at once", upstream: &answer{Status: 500, Header: internal},
		},
		"but not for longer than exec_timeout": {
			env: env{"FUNCTION_BOOT": "1h", "exec_timeout": "300ms"}, want: answer{Status: 504, Header: internal},
			deviation: "a request before the function listens fails at once", upstream: &answer{Status: 500, Header: internal},
		},
		"those that stream neither": {
			env: env{"FUNCTION_BOOT": "1h", "exec_timeout": "300ms"}, request: request{header: map[string]string{"Accept": "text/event-stream"}},
			want:      answer{Status: 504, Header: internal},
			deviation: "a stream before the function listens is an empty 200", upstream: &answer{Status: 200},
		},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			w := start(t, tc.env) // healthy at once, whatever the function does
			want := expected(t, tc.want, tc.deviation, tc.upstream)
			check(t, w.send(tc.request), want)
		})
	}
}
