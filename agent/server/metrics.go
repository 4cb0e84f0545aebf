package server

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/internal/routemetrics"
	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// metrics are those of one agent.
type metrics struct {
	registry      *prometheus.Registry
	routes        *routemetrics.Metrics
	plans         *prometheus.CounterVec
	checkpoints   *prometheus.CounterVec
	registrations *prometheus.CounterVec
	ended         *prometheus.CounterVec
	expected      *prometheus.GaugeVec
	pruned        *prometheus.CounterVec
	failures      *prometheus.CounterVec
	quarantined   *prometheus.CounterVec
	entries       *prometheus.GaugeVec
	bytes         *prometheus.GaugeVec
	stored        *prometheus.GaugeVec
	shared        *prometheus.GaugeVec
	condemned     *prometheus.CounterVec
	repacks       *prometheus.CounterVec
	deleted       prometheus.Counter
	upkeepErrors  prometheus.Counter
	shown         sync.Map // the names of the functions that gauges show
}

func newMetrics() *metrics {
	m := &metrics{
		registry:      prometheus.NewRegistry(),
		plans:         counters("plans_total", "Lifetimes planned, by how they were to start.", "function", "start"),
		checkpoints:   counters("checkpoints_planned_total", "Lifetimes planned with a checkpoint.", "function"),
		registrations: counters("registrations_total", "Snapshots that entered the pool.", "function"),
		ended:         counters("lifetimes_ended_total", "Lifetimes whose end was reported, by how they started and why.", "function", "start", "reason"),
		expected:      gauges("expected_latency_seconds", "Mean latency that the requests of a lifetime are expected to have by the table, started cold or as its plans are drawn, when a lifetime was last planned.", "start"),
		pruned:        counters("pruned_total", "Snapshots that left the pool.", "function"),
		failures:      counters("restore_failures_total", "Lifetimes that could not start from their snapshot.", "function"),
		quarantined:   counters("quarantined_total", "Snapshots that failed so often that they are not used any more.", "function"),
		entries:       gauges("pool_entries", "Snapshots in the pool, as last seen."),
		bytes:         gauges("pool_bytes", "Size of the images of the snapshots in the pool, as last seen."),
		stored:        gauges("pool_stored_bytes", "Size of their objects, and of those that are kept for others or not deleted yet, as last seen."),
		shared:        gauges("pool_shared_bytes", "What the snapshots use of each other's packs and so need not store, as last seen."),
		condemned:     counters("condemned_total", "Packs that nothing refers to any more, which are then deleted.", "function"),
		repacks:       counters("repacks_total", "Packs of which only the part still in use was kept.", "function"),
		deleted:       counter("objects_deleted_total", "Objects deleted from the pool."),
		upkeepErrors:  counter("upkeep_errors_total", "Rounds of upkeep that did not get through."),
	}
	m.routes = routemetrics.New(m.registry, "pronghorn_agent")
	m.registry.MustRegister(m.plans, m.checkpoints, m.registrations, m.ended, m.expected, m.pruned,
		m.failures, m.quarantined, m.entries, m.bytes, m.stored, m.shared, m.condemned, m.repacks, m.deleted, m.upkeepErrors,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "pronghorn", Subsystem: "agent", Name: name, Help: help})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "pronghorn", Subsystem: "agent", Name: name, Help: help}, labels)
}

func gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "pronghorn", Subsystem: "agent", Name: name, Help: help}, append([]string{"function"}, labels...))
}

func (m *metrics) countPlan(fn string, plan agent.Plan) {
	start := agent.Cold
	if plan.Restore != nil {
		start = agent.Restored
	}
	m.plans.WithLabelValues(fn, start).Inc()
	if plan.CheckpointAt > 0 {
		m.checkpoints.WithLabelValues(fn).Inc()
	}
}

// observePool takes what a state says of the pool.
func (m *metrics) observePool(st kvstore.State) {
	m.show(st.Function)
	t := totalsOf(st.Pool)
	m.entries.WithLabelValues(st.Function).Set(float64(t.Live))
	m.bytes.WithLabelValues(st.Function).Set(float64(t.Bytes))
	m.stored.WithLabelValues(st.Function).Set(float64(t.Stored))
	m.shared.WithLabelValues(st.Function).Set(float64(t.Shared))
}

// totals sums up a pool.
type totals struct {
	// Live is the number of snapshots, Bytes the size of their images, Shared
	// what they use of each other's packs.
	Live          int
	Bytes, Shared int64
	// Stored is what the objects of all entries have, tombstones included.
	Stored int64
}

func totalsOf(pool []kvstore.Entry) (t totals) {
	for _, e := range pool {
		t.Stored += e.StoredBytes
		if e.Live() {
			t.Live++
			t.Bytes += e.Bytes
			t.Shared += e.SharedBytes
		}
	}
	return t
}
