// Package routemetrics counts and times the requests of a service by route.
package routemetrics

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pronghorn-faas/pronghorn/internal/recorder"
)

// Metrics are the collectors of one service. No label holds what a caller
// chose, so their number is fixed.
type Metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

// New registers NAME_requests_total{route,code} and
// NAME_request_duration_seconds{route}.
func New(registry prometheus.Registerer, name string) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: name + "_requests_total", Help: "Requests answered, by route and status code.",
		}, []string{"route", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: name + "_request_duration_seconds", Help: "Time to answer a request, by route.",
			Buckets: prometheus.ExponentialBuckets(50e-6, 4, 9), // 50 µs to 3.3 s
		}, []string{"route"}),
	}
	registry.MustRegister(m.requests, m.duration)
	return m
}

// Instrument counts and times what h answers.
func (m *Metrics) Instrument(route string, h http.Handler) http.Handler {
	duration := m.duration.WithLabelValues(route)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, rec := time.Now(), recorder.New(w)
		h.ServeHTTP(rec, r)
		duration.Observe(time.Since(start).Seconds())
		m.requests.WithLabelValues(route, strconv.Itoa(rec.Status)).Inc()
	})
}
