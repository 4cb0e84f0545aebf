package report_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/watchdog/metrics"
	"github.com/pronghorn-faas/pronghorn/watchdog/report"
)

// sink is a KV service that can fail.
type sink struct {
	mu      sync.Mutex
	err     error
	batches []kvstore.Batch
}

func (s *sink) AddSamples(_ context.Context, fn string, b kvstore.Batch) (kvstore.BatchResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if fn != "fn" {
		return kvstore.BatchResult{}, fmt.Errorf("function %q, want fn", fn)
	}
	if s.err == nil {
		s.batches = append(s.batches, b)
	}
	return kvstore.BatchResult{}, s.err
}

func (s *sink) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func newReporter() (*report.Reporter, *metrics.Metrics) {
	m := metrics.New()
	return report.New("fn", m, slog.New(slog.NewTextHandler(io.Discard, nil))), m
}

func samples(m *metrics.Metrics, outcome string) float64 {
	return testutil.ToFloat64(m.Samples.WithLabelValues(outcome))
}

func TestSamplesGoOutInOrderABatchALifetime(t *testing.T) {
	r, m := newReporter()
	r.Add("a", 1, time.Millisecond)
	r.Add("a", 2, 1500*time.Nanosecond)
	r.Add("b", 3, 0)
	s := &sink{}
	r.Flush(t.Context()) // nobody to send to: they wait
	r.SetSink(s)
	r.Flush(t.Context())
	want := []kvstore.Batch{
		{Lifetime: "a", Samples: []kvstore.Sample{{RequestNumber: 1, LatencyUS: 1000}, {RequestNumber: 2, LatencyUS: 1.5}}},
		{Lifetime: "b", Samples: []kvstore.Sample{{RequestNumber: 3, LatencyUS: 0.001}}}, // the store takes no 0
	}
	if diff := cmp.Diff(want, s.batches); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
	if got := samples(m, "reported"); got != 3 {
		t.Errorf("%v samples counted as reported, want 3", got)
	}
}

func TestSamplesWaitWhileTheServiceIsAway(t *testing.T) {
	r, m := newReporter()
	s := &sink{err: errors.New("away")}
	r.SetSink(s)
	r.Add("a", 1, time.Millisecond)
	r.Flush(t.Context())
	r.Add("a", 2, time.Millisecond)
	s.fail(nil)
	r.Flush(t.Context())
	if len(s.batches) != 1 || len(s.batches[0].Samples) != 2 || s.batches[0].Samples[0].RequestNumber != 1 {
		t.Errorf("got %+v, want one batch with both samples, in order", s.batches)
	}
	if samples(m, "dropped") != 0 || testutil.ToFloat64(m.Errors.WithLabelValues("kv", "samples")) != 1 {
		t.Error("want one error and nothing dropped")
	}
}

func TestRefusedSamplesAreNotSentAgain(t *testing.T) {
	r, m := newReporter()
	s := &sink{err: fmt.Errorf("%w: nonsense", kvstore.ErrInvalid)}
	r.SetSink(s)
	r.Add("a", 1, time.Millisecond)
	r.Flush(t.Context())
	s.fail(nil)
	r.Flush(t.Context())
	if len(s.batches) != 0 || samples(m, "refused") != 1 {
		t.Errorf("batches %+v, refused %v: want none and 1", s.batches, samples(m, "refused"))
	}
}

func TestWaitingSamplesAreBounded(t *testing.T) {
	r, m := newReporter()
	for n := range 10_005 {
		r.Add("a", n+1, time.Millisecond)
	}
	if got := samples(m, "dropped"); got != 5 {
		t.Errorf("%v dropped of 10,005, want 5", got)
	}
}

func BenchmarkAdd(b *testing.B) {
	r, _ := newReporter()
	r.SetSink(&sink{})
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		r.Add("a", n+1, time.Millisecond)
		if n%1000 == 0 {
			r.Flush(b.Context())
		}
	}
}
