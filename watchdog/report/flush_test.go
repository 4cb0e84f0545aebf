package report_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/watchdog/metrics"
	"github.com/pronghorn-faas/pronghorn/watchdog/report"
)

// deaf is a KV service that never answers.
type deaf struct{}

func (deaf) AddSamples(ctx context.Context, _ string, _ kvstore.Batch) (kvstore.BatchResult, error) {
	<-ctx.Done()
	return kvstore.BatchResult{}, ctx.Err()
}

func TestFlushDoesNotWaitForAnotherOneLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := report.New("f", metrics.New(), slog.New(slog.DiscardHandler))
		r.SetSink(deaf{})
		r.Add("l", 1, time.Millisecond)
		go r.Flush(t.Context())
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		r.Flush(ctx)
		if took := time.Since(begin); took != time.Second {
			t.Errorf("it took %v, want %v", took, time.Second)
		}
	})
}
