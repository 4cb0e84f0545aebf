// Package report sends request latencies to the KV service: off the request's
// path, in batches, and again until they have arrived. Samples carry their
// lifetime and request number, so that sending one twice counts it once.
package report

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/watchdog/metrics"
)

const (
	// interval is how often waiting samples are sent.
	interval = 500 * time.Millisecond
	// capacity is how many samples wait at most, while the service is away.
	capacity = 10_000
	// sendTimeout bounds one sending.
	sendTimeout = 5 * time.Second
)

// Sink takes batches of samples; kvstore.Store is one.
type Sink interface {
	AddSamples(ctx context.Context, fn string, b kvstore.Batch) (kvstore.BatchResult, error)
}

// Reporter collects the samples of one function.
type Reporter struct {
	function string
	metrics  *metrics.Metrics
	log      *slog.Logger

	sending chan struct{} // holds one while somebody sends, so that batches arrive in order

	mu      sync.Mutex
	sink    Sink
	waiting []sample
	failing bool
}

type sample struct {
	lifetime string
	kvstore.Sample
}

// New returns a reporter for the function fn. Samples wait until SetSink.
func New(fn string, m *metrics.Metrics, log *slog.Logger) *Reporter {
	return &Reporter{function: fn, metrics: m, log: log, sending: make(chan struct{}, 1)}
}

// SetSink says where the samples go.
func (r *Reporter) SetSink(s Sink) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sink = s
}

// Add takes the latency of one request. It never blocks: a sample for which
// there is no room is dropped and counted.
func (r *Reporter) Add(lifetime string, requestNumber int, latency time.Duration) {
	us := float64(latency.Nanoseconds()) / 1000
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) >= capacity {
		r.metrics.Samples.WithLabelValues("dropped").Inc()
		return
	}
	r.waiting = append(r.waiting, sample{lifetime, kvstore.Sample{RequestNumber: requestNumber, LatencyUS: max(us, 0.001)}})
}

// Run sends what waits, again and again, until ctx ends.
func (r *Reporter) Run(ctx context.Context) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			r.Flush(ctx)
		}
	}
}

// Flush sends what waits now, as long as ctx lasts. What could not be sent
// waits for the next time.
func (r *Reporter) Flush(ctx context.Context) {
	select {
	case r.sending <- struct{}{}:
		defer func() { <-r.sending }()
	case <-ctx.Done():
		return
	}
	sink, samples := r.take()
	if sink == nil || len(samples) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	for len(samples) > 0 {
		batch, rest := next(samples)
		if !r.send(ctx, sink, batch) {
			r.putBack(samples)
			return
		}
		samples = rest
	}
}

func (r *Reporter) take() (Sink, []sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sink == nil {
		return nil, nil
	}
	samples := r.waiting
	r.waiting = nil
	return r.sink, samples
}

func (r *Reporter) putBack(samples []sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	samples = append(samples, r.waiting...)
	if lost := len(samples) - capacity; lost > 0 {
		samples = samples[lost:] // the oldest say least about the function of today
		r.metrics.Samples.WithLabelValues("dropped").Add(float64(lost))
	}
	r.waiting = samples
}

// next cuts off the samples of the first lifetime.
func next(samples []sample) (kvstore.Batch, []sample) {
	b := kvstore.Batch{Lifetime: samples[0].lifetime}
	for i, s := range samples {
		if s.lifetime != b.Lifetime || len(b.Samples) == kvstore.MaxBatch {
			return b, samples[i:]
		}
		b.Samples = append(b.Samples, s.Sample)
	}
	return b, nil
}

// send reports whether the batch is done with: taken, or refused for good.
func (r *Reporter) send(ctx context.Context, sink Sink, b kvstore.Batch) bool {
	_, err := sink.AddSamples(ctx, r.function, b)
	r.note(err)
	switch {
	case err == nil:
		r.metrics.Samples.WithLabelValues("reported").Add(float64(len(b.Samples)))
		return true
	case errors.Is(err, kvstore.ErrInvalid):
		r.metrics.Samples.WithLabelValues("refused").Add(float64(len(b.Samples)))
		return true
	}
	return false
}

// note logs the first failure of a series and its end.
func (r *Reporter) note(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.metrics.Errors.WithLabelValues("kv", "samples").Inc()
	}
	switch failing := err != nil; {
	case failing && !r.failing:
		r.log.Warn("latencies cannot be reported; they wait", "reason", err)
	case !failing && r.failing:
		r.log.Info("latencies are reported again")
	}
	r.failing = err != nil
}
