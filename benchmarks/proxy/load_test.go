package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
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
	s := httptest.NewServer(newFunction())
	defer s.Close()
	for _, l := range loads() {
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		in := newAnswers(conn)
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
	if err := loads()[0].one(conn, newAnswers(conn)); err == nil {
		t.Error("an answer of the wrong length was taken")
	}
}

func TestAnswersAreReadOneByOne(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	for claim, tc := range map[string]struct {
		sent   string
		status int
		length int64
	}{
		"a length that is told":      {"HTTP/1.1 404 Not Found\r\nA: b\r\nContent-Length: 3\r\n\r\nabc", 404, 3},
		"no body":                    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, 0},
		"chunks":                     {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 200, 3},
		"a body larger than a read":  {"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100000), 200, 100000},
		"a status without a reason":  {"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx", 200, 1},
		"headers that come in parts": {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, 1},
	} {
		t.Run(claim, func(t *testing.T) {
			in := newAnswers(iotest.OneByteReader(strings.NewReader(tc.sent + ok)))
			status, length, err := in.read()
			if err != nil || status != tc.status || length != tc.length {
				t.Errorf("got %d, %d bytes, %v", status, length, err)
			}
			if status, length, err = in.read(); err != nil || status != 200 || length != 2 {
				t.Errorf("the next one: %d, %d bytes, %v", status, length, err)
			}
		})
	}
}

func TestBrokenAnswersAreErrors(t *testing.T) {
	for claim, sent := range map[string]string{
		"nothing":       "",
		"half a header": "HTTP/1.1 200 OK\r\nContent-",
		"half a body":   "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na",
		"no status":     "HTTP/1.1 fine\r\nContent-Length: 0\r\n\r\n",
		"not HTTP":      "SMTP 200\r\nContent-Length: 0\r\n\r\n",
	} {
		t.Run(claim, func(t *testing.T) {
			if _, _, err := newAnswers(strings.NewReader(sent)).read(); err == nil {
				t.Error("was taken")
			}
		})
	}
}
