package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// steps are the durations of what a checkpoint and a restore consist of.
func steps(buckets []float64) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "pronghorn_step_seconds", Buckets: buckets,
		Help: "Time that a step of a checkpoint (dump, hash, pack, upload) or of a restore (download, assemble, restore) took.",
	}, []string{"step"})
}

// ObserveStep notes how long a step of a checkpoint (dump, hash, pack, upload)
// or of a restore (download, assemble, restore) took.
func (m *Metrics) ObserveStep(step string, took time.Duration) {
	m.Steps.WithLabelValues(step).Observe(took.Seconds())
}

// ObserveFirst notes how long the first request of a lifetime took, what it
// waited for the start included.
func (m *Metrics) ObserveFirst(restored bool, took time.Duration) {
	start := "cold"
	if restored {
		start = "restored"
	}
	m.FirstResponse.WithLabelValues(start).Observe(took.Seconds())
}
