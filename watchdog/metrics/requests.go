package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// numbers are the ranges of request numbers that share a series, as the values
// of a label: a fixed few, however long a lineage gets. They sort as text.
var numbers = [...]struct {
	last  int // in the range
	label string
}{
	{1, "001"}, {10, "002-010"}, {50, "011-050"}, {100, "051-100"}, {200, "101-200"}, {0, "201+"},
}

func newRequestDurations() *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "pronghorn_request_duration_seconds",
		Help:    "Time that the function took for requests answered 2xx, by how its lifetime started and by request number of the lineage.",
		Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 11), // 1 ms to 9.5 s
	}, []string{"start", "number"})
}

// RequestDurations times requests by how their lifetime started and by their
// number in the lineage.
type RequestDurations struct {
	cold, restored [len(numbers)]prometheus.Observer
}

// NewRequestDurations makes all series at once: to find them by their labels
// takes longer than to count, and what starts at 0 has a rate from the first
// request on.
func (m *Metrics) NewRequestDurations() *RequestDurations {
	var d RequestDurations
	for i, n := range numbers {
		d.cold[i] = m.RequestDuration.WithLabelValues("cold", n.label)
		d.restored[i] = m.RequestDuration.WithLabelValues("restored", n.label)
	}
	return &d
}

// Observe notes the latency of the request with this number in its lineage.
func (d *RequestDurations) Observe(restored bool, number int, latency time.Duration) {
	observers := &d.cold
	if restored {
		observers = &d.restored
	}
	observers[rangeOf(number)].Observe(latency.Seconds())
}

// rangeOf returns the index of the range that a request number is in.
func rangeOf(number int) int {
	last := len(numbers) - 1
	for i, n := range numbers[:last] {
		if number <= n.last {
			return i
		}
	}
	return last
}
