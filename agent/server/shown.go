package server

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pronghorn-faas/pronghorn/agent"
)

// ofFunctions are the counters with no label but the function's name.
func (m *metrics) ofFunctions() []*prometheus.CounterVec {
	return []*prometheus.CounterVec{m.checkpoints, m.registrations, m.pruned, m.failures, m.quarantined, m.condemned, m.repacks}
}

// show shows the counters of a function as 0 from when it is first seen: one
// that appears with its first event has no increase for whoever collects it.
func (m *metrics) show(fn string) {
	if _, known := m.shown.LoadOrStore(fn, nil); known {
		return
	}
	for _, counter := range m.ofFunctions() {
		counter.WithLabelValues(fn)
	}
	for _, start := range []string{agent.Cold, agent.Restored} {
		m.plans.WithLabelValues(fn, start)
		m.ended.WithLabelValues(fn, start, agent.Planned)
	}
}

// showOnly drops what is shown of functions that the store does not know any
// more: gauges would else show for ever what they had last.
func (m *metrics) showOnly(functions []string) {
	m.shown.Range(func(fn, _ any) bool {
		if !slices.Contains(functions, fn.(string)) {
			m.shown.Delete(fn)
			m.forget(fn.(string))
		}
		return true
	})
}

// forget drops what is shown of a function.
func (m *metrics) forget(fn string) {
	named := prometheus.Labels{"function": fn}
	for _, counter := range append(m.ofFunctions(), m.plans, m.ended) {
		counter.DeletePartialMatch(named)
	}
	for _, gauge := range []*prometheus.GaugeVec{m.entries, m.bytes, m.stored, m.shared, m.expected} {
		gauge.DeletePartialMatch(named)
	}
}
