package timeout_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/watchdog/timeout"
)

func TestFromHeader(t *testing.T) {
	for claim, tc := range map[string]struct {
		header      string
		limit, want time.Duration
	}{
		"no header: the limit":                {"", 30 * time.Second, 30 * time.Second},
		"no header, no limit: none":           {"", 0, 0},
		"a shorter time is taken":             {"1.5s", 30 * time.Second, 1500 * time.Millisecond},
		"the limit itself is taken":           {"30s", 30 * time.Second, 30 * time.Second},
		"any time is taken without a limit":   {"1h", 0, time.Hour},
		"a longer time is not":                {"31s", 30 * time.Second, 30 * time.Second},
		"a negative time lifts no limit":      {"-1s", 30 * time.Second, 30 * time.Second},
		"a negative time is none":             {"-1s", 0, 0},
		"0 lifts no limit":                    {"0s", 30 * time.Second, 30 * time.Second},
		"a number without a unit is no time":  {"5", 30 * time.Second, 30 * time.Second},
		"what overflows is no time":           {"9999999999h", 30 * time.Second, 30 * time.Second},
		"what is not a duration is no time":   {"soon", 30 * time.Second, 30 * time.Second},
		"fractions of a nanosecond are no 0s": {"0.1ns", 30 * time.Second, 30 * time.Second},
	} {
		t.Run(claim, func(t *testing.T) {
			h := http.Header{}
			h.Set(timeout.Header, tc.header)
			if got := timeout.FromHeader(h, tc.limit); got != tc.want {
				t.Errorf("%q with a limit of %s gives %s, want %s", tc.header, tc.limit, got, tc.want)
			}
		})
	}
}

func FuzzFromHeader(f *testing.F) {
	for _, header := range []string{"", "1s", "-1s", "0", "1h2m3s", "9223372036854775807ns", "1e9s", "+.5ms", "∞"} {
		f.Add(header, int64(30*time.Second))
		f.Add(header, int64(0))
	}
	f.Fuzz(func(t *testing.T, header string, limit int64) {
		if limit < 0 {
			t.Skip("settings have no negative limits")
		}
		got := timeout.FromHeader(http.Header{timeout.Header: {header}}, time.Duration(limit))
		if limit > 0 && (got <= 0 || got > time.Duration(limit)) {
			t.Errorf("%q with a limit of %s gives %s", header, time.Duration(limit), got)
		}
		if got < 0 {
			t.Errorf("%q without a limit gives %s", header, got)
		}
	})
}
