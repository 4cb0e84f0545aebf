package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestQuantile(t *testing.T) {
	ms := time.Millisecond
	for claim, tc := range map[string]struct {
		sorted []time.Duration
		q      float64
		want   float64
	}{
		"of nothing is 0":              {nil, 0.5, 0},
		"of one is that":               {[]time.Duration{ms}, 0.99, 1000},
		"the median is in the middle":  {[]time.Duration{ms, 2 * ms, 9 * ms}, 0.5, 2000},
		"p99 of few is below the last": {[]time.Duration{ms, 2 * ms, 9 * ms}, 0.99, 2000},
	} {
		t.Run(claim, func(t *testing.T) {
			if got := quantile(tc.sorted, tc.q); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestRatiosAreThoseWithinARound(t *testing.T) {
	c := result{Samples: map[string][]sample{
		nameOurs:     {{RPS: 100, P50: 12, P99: 30}, {RPS: 10, P50: 120, P99: 300}, {RPS: 20, P50: 60, P99: 100}},
		nameTheirs:   {{RPS: 50, P50: 20, P99: 60}, {RPS: 5, P50: 200, P99: 600}, {RPS: 40, P50: 50, P99: 50}},
		nameFunction: {{P50: 10, P99: 20}, {P50: 100, P99: 200}, {P50: 50, P99: 50}},
	}}
	c.summarize()
	if c.RPSRatio != 2 || c.P50Ratio != 0.6 || c.P99Ratio != 0.5 {
		t.Errorf("ratios %v %v %v, want 2 0.6 0.5", c.RPSRatio, c.P50Ratio, c.P99Ratio)
	}
	want := figures{RPS: 20, P50: 60, P99: 100, AddedP50: 10, AddedP99: 50}
	if diff := cmp.Diff(want, c.Median[nameOurs]); diff != "" {
		t.Errorf("ours (-want +got):\n%s", diff)
	}
}

func TestTheFunctionAnswersEveryLoad(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(function))
	defer s.Close()
	for _, l := range loads() {
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReader(conn)
		for range 2 {
			if err := l.one(conn, in); err != nil {
				t.Errorf("%s: %v", l.name(), err)
			}
		}
		_ = conn.Close()
	}
}

func TestWrongAnswersAreErrors(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "not ok") }))
	defer s.Close()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := loads()[0].one(conn, bufio.NewReader(conn)); err == nil {
		t.Error("an answer of the wrong length was taken")
	}
}
