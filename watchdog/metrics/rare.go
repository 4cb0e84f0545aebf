package metrics

// ShowRare shows what seldom happens as 0 from the start: a counter that
// appears with its first event has no increase for whoever collects it. Not so
// the lifetimes, which say by being there that one has started, nor the samples
// that were reported, which say that reporting works.
func (m *Metrics) ShowRare() {
	m.Checkpoints.WithLabelValues("done", "planned")
	for _, outcome := range []string{"dropped", "refused"} {
		m.Samples.WithLabelValues(outcome)
	}
	for service, calls := range map[string][]string{"agent": {"start", "end", "fail"}, "kv": {"samples"}, "pool": {"fetch", "upload"}} {
		for _, call := range calls {
			m.Errors.WithLabelValues(service, call)
		}
	}
	for _, direction := range []string{"up", "down", "cached", "stored", "shared"} {
		m.Bytes.WithLabelValues(direction)
	}
}
