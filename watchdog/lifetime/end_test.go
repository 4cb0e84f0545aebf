package lifetime

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/watchdog/gate"
	"github.com/pronghorn-faas/pronghorn/watchdog/metrics"
)

// deaf is an agent and a KV service that never answer.
type deaf struct {
	Agent
	Reporter
	ends chan agent.LifetimeRecord
}

func (d deaf) End(ctx context.Context, rec agent.LifetimeRecord) error {
	d.ends <- rec
	<-ctx.Done()
	return ctx.Err()
}

func (deaf) Flush(ctx context.Context) { <-ctx.Done() }

type noConnections struct{ Connections }

func (noConnections) CloseIdle() {}

func TestServicesThatDoNotAnswerHoldRequestsOnlyForSoLong(t *testing.T) {
	for claim, tc := range map[string]struct {
		waiting bool
		want    time.Duration
	}{
		"a request waits": {true, endHolds},
		"nobody waits":    {false, uploadTimeout + flushTimeout + endTimeout},
	} {
		t.Run(claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var g gate.Gate
				ctx, cancel := context.WithCancel(t.Context())
				if tc.waiting {
					go func() { _, _ = g.Enter(ctx) }()
				}
				d := deaf{ends: make(chan agent.LifetimeRecord, 1)}
				m := New(Settings{Agent: d}, &g, noConnections{}, d, metrics.New(), slog.New(slog.DiscardHandler))
				l := newLife()
				l.uploaded = make(chan struct{}) // never over
				begin := time.Now()
				m.end(ctx, l, "")
				if took := time.Since(begin); took != tc.want {
					t.Errorf("the end took %v, want %v", took, tc.want)
				}
				if got := <-d.ends; got.Lifetime != l.record.Lifetime {
					t.Errorf("the end of %q was reported, want that of %q", got.Lifetime, l.record.Lifetime)
				}
				cancel()
				m.background.Wait()
			})
		})
	}
}
