package server

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/pronghorn-faas/pronghorn/internal/routemetrics"
	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// metrics are those of one service. No label holds what a caller chose, so
// their number is fixed.
type metrics struct {
	registry *prometheus.Registry
	routes   *routemetrics.Metrics
	samples  *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		samples: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pronghorn_kv_samples_total", Help: "Samples reported: applied, duplicate, or ignored as beyond the table.",
		}, []string{"outcome"}),
	}
	m.routes = routemetrics.New(m.registry, "pronghorn_kv")
	m.registry.MustRegister(m.samples,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.count(kvstore.BatchResult{}) // shows them as 0, for their increase
	return m
}

// count adds what became of a batch.
func (m *metrics) count(res kvstore.BatchResult) {
	m.samples.WithLabelValues("applied").Add(float64(res.Applied))
	m.samples.WithLabelValues("duplicate").Add(float64(res.Duplicates))
	m.samples.WithLabelValues("ignored").Add(float64(res.Ignored))
}
