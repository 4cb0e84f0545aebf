package server

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// metrics are those of one service. No label holds what a caller chose, so
// their number is fixed.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	samples  *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pronghorn_kv_requests_total", Help: "Requests answered, by route and status code.",
		}, []string{"route", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "pronghorn_kv_request_duration_seconds", Help: "Time to answer a request, by route.",
			Buckets: prometheus.ExponentialBuckets(50e-6, 4, 9), // 50 µs to 3.3 s
		}, []string{"route"}),
		samples: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pronghorn_kv_samples_total", Help: "Samples reported: applied, duplicate, or ignored as beyond the table.",
		}, []string{"outcome"}),
	}
	m.registry.MustRegister(m.requests, m.duration, m.samples,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// count adds what became of a batch.
func (m *metrics) count(res kvstore.BatchResult) {
	m.samples.WithLabelValues("applied").Add(float64(res.Applied))
	m.samples.WithLabelValues("duplicate").Add(float64(res.Duplicates))
	m.samples.WithLabelValues("ignored").Add(float64(res.Ignored))
}

// instrument counts and times the requests of a route.
func (m *metrics) instrument(route string, h http.Handler) http.Handler {
	duration := m.duration.WithLabelValues(route)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		noted := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		h.ServeHTTP(noted, r)
		duration.Observe(time.Since(start).Seconds())
		m.requests.WithLabelValues(route, strconv.Itoa(noted.status)).Inc()
	})
}

// statusWriter notes the status that is answered.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
