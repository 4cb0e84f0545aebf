package gate_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/watchdog/gate"
)

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func enter(t *testing.T, g *gate.Gate) gate.Pass {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	p, err := g.Enter(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRequestsAreNumberedFromTheLineage(t *testing.T) {
	var g gate.Gate
	g.Open(gate.Lifetime{ID: "a", RequestNumber: 7}, 0)
	for want := 8; want < 11; want++ {
		p := enter(t, &g)
		if p.Number != want || p.Lifetime.ID != "a" {
			t.Errorf("got request %d of %q, want %d of \"a\"", p.Number, p.Lifetime.ID, want)
		}
		p.Leave()
	}
}

func TestShutGateHoldsRequestsUntilTheirContextEnds(t *testing.T) {
	var g gate.Gate
	cause := errors.New("out of time")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Millisecond, cause)
	defer cancel()
	if _, err := g.Enter(ctx); !errors.Is(err, cause) {
		t.Errorf("got %v, want the context's cause", err)
	}
}

func TestGateShutsAtItsStopAndIsQuietWhenAllHaveLeft(t *testing.T) {
	var g gate.Gate
	g.Open(gate.Lifetime{}, 2)
	reached := g.Reached()
	first := enter(t, &g)
	if isClosed(reached) {
		t.Error("shut after one request, want two")
	}
	second := enter(t, &g)
	if !isClosed(reached) || !isClosed(g.Reached()) {
		t.Error("not shut after two requests")
	}
	quiet := g.Quiet()
	first.Leave()
	if isClosed(quiet) {
		t.Error("quiet with a request inside")
	}
	second.Leave()
	if !isClosed(quiet) || !isClosed(g.Quiet()) {
		t.Error("not quiet with nobody inside")
	}
}

func TestHeldSaysThatARequestWaits(t *testing.T) {
	var g gate.Gate
	g.Open(gate.Lifetime{}, 1)
	inside := enter(t, &g)
	held := g.Held()
	if isClosed(held) {
		t.Error("held with nobody waiting")
	}
	passed := make(chan gate.Pass)
	go func() {
		p, _ := g.Enter(t.Context())
		passed <- p
	}()
	<-held
	inside.Leave()
	g.Reopen(0)
	(<-passed).Leave()
	g.Shut()
	if isClosed(g.Held()) {
		t.Error("held although the request has passed")
	}
}

func TestReopenGoesOnWithTheSameLifetime(t *testing.T) {
	var g gate.Gate
	g.Open(gate.Lifetime{RequestNumber: 10}, 1)
	enter(t, &g).Leave()
	g.Reopen(3)
	if p := enter(t, &g); p.Number != 12 {
		t.Errorf("request number %d, want 12", p.Number)
	}
	enter(t, &g)
	if !isClosed(g.Reached()) || g.Admitted() != 3 {
		t.Errorf("admitted %d, shut %v: want shut at 3", g.Admitted(), isClosed(g.Reached()))
	}
	g.Reopen(2) // the stop lies behind: nobody passes
	if !isClosed(g.Reached()) {
		t.Error("open although its stop was passed")
	}
}

func TestNoMoreThanTheStopPassWhateverArrives(t *testing.T) {
	var g gate.Gate
	var served atomic.Int64
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for range 50 {
				p, err := g.Enter(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				served.Add(1)
				p.Leave()
			}
		})
	}
	const perLifetime = 16
	for done := int64(0); done < 64*50; done += perLifetime {
		g.Open(gate.Lifetime{}, perLifetime)
		<-g.Reached()
		<-g.Quiet()
		if got := served.Load(); got != done+perLifetime {
			t.Fatalf("%d requests served, want %d", got, done+perLifetime)
		}
	}
	all.Wait()
}

func BenchmarkEnterLeave(b *testing.B) {
	var g gate.Gate
	g.Open(gate.Lifetime{}, 0)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			p, err := g.Enter(b.Context())
			if err != nil {
				b.Error(err)
				return
			}
			p.Leave()
		}
	})
}

// waits starts to enter and returns once the request is in the queue.
func waits(t *testing.T, g *gate.Gate, ctx context.Context) <-chan gate.Pass {
	t.Helper()
	passed := make(chan gate.Pass, 1)
	before := g.Waiting()
	go func() {
		if p, err := g.Enter(ctx); err == nil {
			passed <- p
		}
	}()
	for g.Waiting() == before {
		time.Sleep(time.Millisecond)
	}
	return passed
}

func TestWaitingRequestsPassInTheOrderInWhichTheyCame(t *testing.T) {
	var g gate.Gate
	var queue []<-chan gate.Pass
	for range 10 {
		queue = append(queue, waits(t, &g, t.Context()))
	}
	g.Open(gate.Lifetime{}, 4)
	for i, passed := range queue[:4] {
		if p := <-passed; p.Number != i+1 {
			t.Errorf("request %d of the queue got number %d", i+1, p.Number)
		}
	}
	late := waits(t, &g, t.Context()) // stands behind the six that are left
	g.Open(gate.Lifetime{}, 6)
	for i, passed := range queue[4:] {
		if p := <-passed; p.Number != i+1 {
			t.Errorf("request %d of the queue got number %d", i+1, p.Number)
		}
	}
	g.Open(gate.Lifetime{}, 0)
	<-late
}

func TestRequestThatGaveUpTakesNobodysPlace(t *testing.T) {
	var g gate.Gate
	ctx, cancel := context.WithCancel(t.Context())
	waits(t, &g, ctx)
	second := waits(t, &g, t.Context())
	cancel()
	g.Open(gate.Lifetime{}, 1)
	if p := <-second; p.Number != 1 {
		t.Errorf("request number %d, want 1", p.Number)
	}
}

func TestUrgentSaysThatAWaitingRequestRunsOutOfTime(t *testing.T) {
	for claim, tc := range map[string]struct {
		left, margin time.Duration
		want         bool
	}{
		"no time left beyond the margin": {time.Hour, 2 * time.Hour, true},
		"soon":                           {time.Hour, time.Hour - 20*time.Millisecond, true},
		"time enough":                    {time.Hour, time.Minute, false},
	} {
		for _, early := range []bool{true, false} { // in the queue before or after the question
			var g gate.Gate
			ctx, cancel := context.WithTimeout(t.Context(), tc.left)
			if early {
				waits(t, &g, ctx)
			}
			urgent := g.Urgent(tc.margin)
			if !early {
				waits(t, &g, ctx)
			}
			select {
			case <-urgent:
				if !tc.want {
					t.Errorf("%s: urgent", claim)
				}
			case <-time.After(200 * time.Millisecond):
				if tc.want {
					t.Errorf("%s: not urgent", claim)
				}
			}
			cancel()
		}
	}
}

func TestNearSaysThatTheGateIsAboutToShut(t *testing.T) {
	var g gate.Gate
	g.Open(gate.Lifetime{}, 4)
	near := g.Near(2)
	enter(t, &g)
	if isClosed(near) {
		t.Error("near with three requests to go, want two")
	}
	enter(t, &g)
	if !isClosed(near) || isClosed(g.Reached()) {
		t.Errorf("near %v, shut %v: want near and open", isClosed(near), isClosed(g.Reached()))
	}
	g.Reopen(0)
	if isClosed(g.Near(2)) {
		t.Error("near although there is no stop")
	}
	g.Open(gate.Lifetime{}, 2)
	if !isClosed(g.Near(2)) || isClosed(g.Near(1)) {
		t.Error("two requests before the stop: want near for 2, and not for 1")
	}
}

func TestPassKnowsHowLongItsRequestWaited(t *testing.T) {
	var g gate.Gate
	waiting := waits(t, &g, t.Context())
	time.Sleep(20 * time.Millisecond)
	g.Open(gate.Lifetime{RequestNumber: 5}, 0)
	if p := <-waiting; p.Waited < 20*time.Millisecond || !p.First() {
		t.Errorf("waited %s, first %v: want 20ms or more and true", p.Waited, p.First())
	}
	if p := enter(t, &g); p.Waited != 0 || p.First() {
		t.Errorf("waited %s, first %v: want 0 and false", p.Waited, p.First())
	}
}
