// Package metrics holds what the watchdog counts: upstream's HTTP metrics by
// their names, and those of snapshots, which start with pronghorn_.
package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the watchdog's collectors, on a registry of their own.
type Metrics struct {
	registry *prometheus.Registry

	// Requests, Duration and InFlight are upstream's.
	Requests *prometheus.CounterVec
	Duration *prometheus.HistogramVec
	InFlight prometheus.Gauge

	// Lifetimes counts starts by kind (cold, restored) and reason; reasons
	// other than "planned" say why a planned restore became a cold start.
	Lifetimes *prometheus.CounterVec
	// Checkpoints counts checkpoints by outcome (done, failed) and reason.
	Checkpoints *prometheus.CounterVec
	// StartSeconds is the time from the decision to start a lifetime until its
	// process accepts requests, by kind.
	StartSeconds *prometheus.HistogramVec
	// PauseSeconds is the time in which requests were held for a checkpoint.
	PauseSeconds prometheus.Histogram
	// Steps are the durations of the steps of checkpoints and restores.
	Steps *prometheus.HistogramVec
	// FirstResponse is the time that the first request of a lifetime took, what
	// it waited for the start included, by kind of start.
	FirstResponse *prometheus.HistogramVec
	// RequestDuration is the time that the function took for requests, by start
	// kind and range of request numbers; see NewRequestDurations.
	RequestDuration *prometheus.HistogramVec
	// Bytes counts what moved to ("up") and from ("down") the pool, what the
	// node's cache had ("cached"), what snapshots added to the pool ("stored")
	// and what they found there ("shared", in pages).
	Bytes *prometheus.CounterVec
	// Mode is 1 for the mode in which snapshots are taken, "off" if they are not,
	// and the way in which process ids are chosen (see criu.Way).
	Mode *prometheus.GaugeVec
	// Samples counts latency samples by outcome (reported, dropped, refused).
	Samples *prometheus.CounterVec
	// Retries counts requests that were handed to the function again because
	// its process had gone.
	Retries prometheus.Counter
	// PageFaults counts how often restored processes waited for a part of their
	// memory.
	PageFaults prometheus.Counter
	// Errors counts failed calls of the services, by service and call.
	Errors *prometheus.CounterVec
}

// New returns the collectors, registered together with those of the process.
func New() *Metrics { return NewFor("") }

// NewFor returns the collectors of a function: all that start with pronghorn_
// have its name as a label, since whoever collects them knows containers only.
func NewFor(function string) *Metrics {
	seconds := prometheus.ExponentialBuckets(0.005, 2, 13) // 5 ms to 20 s
	m := &Metrics{
		registry:        prometheus.NewRegistry(),
		Requests:        counter("http_requests_total", "Requests by status code and method.", "code", "method"),
		InFlight:        prometheus.NewGauge(prometheus.GaugeOpts{Name: "http_requests_in_flight", Help: "Requests being served."}),
		Lifetimes:       counter("pronghorn_lifetimes_total", "Lifetimes of the function process by start kind and reason.", "start", "reason"),
		Checkpoints:     counter("pronghorn_checkpoints_total", "Checkpoints by outcome and reason.", "outcome", "reason"),
		StartSeconds:    prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "pronghorn_start_seconds", Help: "Time until a started process accepts requests, by start kind.", Buckets: seconds}, []string{"start"}),
		PauseSeconds:    prometheus.NewHistogram(prometheus.HistogramOpts{Name: "pronghorn_checkpoint_pause_seconds", Help: "Time in which requests were held for a checkpoint.", Buckets: seconds}),
		Steps:           steps(seconds),
		FirstResponse:   prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "pronghorn_first_response_seconds", Help: "Time that the first request of a lifetime took, waiting for the start included, by start kind.", Buckets: seconds}, []string{"start"}),
		RequestDuration: newRequestDurations(),
		Bytes:           counter("pronghorn_bytes_total", "Bytes of snapshots: moved up to and down from the pool, had in the node's cache, added to the pool, shared with what was there.", "direction"),
		Mode:            prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "pronghorn_snapshot_mode", Help: "1 for the mode in which snapshots are taken: privileged, unprivileged or off; and how process ids are chosen: proc, private-proc or used-up."}, []string{"mode", "process_ids"}),
		Samples:         counter("pronghorn_samples_total", "Latency samples by outcome.", "outcome"),
		Retries:         prometheus.NewCounter(prometheus.CounterOpts{Name: "pronghorn_request_retries_total", Help: "Requests handed to the function again because its process had gone."}),
		PageFaults:      prometheus.NewCounter(prometheus.CounterOpts{Name: "pronghorn_page_faults_total", Help: "Times that restored processes waited for a part of their memory."}),
		Errors:          counter("pronghorn_service_errors_total", "Failed calls of the agent, the KV service and the pool.", "service", "call"),
	}
	m.Duration = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "http_request_duration_seconds", Help: "Seconds spent serving requests.", Buckets: prometheus.DefBuckets,
	}, []string{"code", "method"})
	m.named(function).MustRegister(m.Lifetimes, m.Checkpoints, m.StartSeconds, m.PauseSeconds, m.Steps,
		m.FirstResponse, m.RequestDuration, m.Mode, m.Bytes, m.Samples, m.Retries, m.PageFaults, m.Errors)
	m.registry.MustRegister(m.Requests, m.Duration, m.InFlight,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// named is the registry of what is labelled with the function's name.
func (m *Metrics) named(function string) prometheus.Registerer {
	if function == "" {
		return m.registry
	}
	return prometheus.WrapRegistererWith(prometheus.Labels{"function": function}, m.registry)
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

// Handler serves /metrics.
func (m *Metrics) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.InstrumentMetricHandler(m.registry,
		promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})))
	return mux
}
