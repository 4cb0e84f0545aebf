// Package gate stands between the requests and the function's process. While
// it is open, requests pass and are numbered; while it is shut, because the
// process is being started, dumped or replaced, they wait in a queue: first
// come, first served, so that no request is passed over by later ones however
// often the gate shuts.
package gate

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// Gate lets requests through to the process of one lifetime at a time. The
// zero Gate is shut.
type Gate struct {
	mu       sync.Mutex
	open     bool
	lifetime Lifetime
	admitted int       // requests let through in this lifetime
	stopAt   int       // shut after this many; 0 = never
	inside   int       // requests let through and not yet done
	queue    list.List // of *waiter, in the order in which they came

	near   chan struct{} // closed when ahead requests more shut the gate
	ahead  int
	shut   chan struct{} // closed when the gate shuts
	quiet  chan struct{} // closed when the gate is shut and nobody is inside
	held   chan struct{} // closed when the gate is shut and somebody waits
	urgent *urgency      // who wants to know of waiting requests that run out of time
}

// Lifetime is what a request is told about the process that serves it.
type Lifetime struct {
	// ID of the lifetime.
	ID string
	// RequestNumber is R, the request number at which it started.
	RequestNumber int
	// Restored is set when it started from a snapshot.
	Restored bool
}

// Pass is a request's right to be at the process.
type Pass struct {
	gate *Gate
	// Lifetime is the one that serves the request.
	Lifetime Lifetime
	// Number is the request's number in its lineage, from 1.
	Number int
	// Waited is how long the request waited at the gate.
	Waited time.Duration
}

// First reports whether the request is the first of its lifetime.
func (p Pass) First() bool { return p.Number == p.Lifetime.RequestNumber+1 }

// Open lets requests through to a new lifetime.
func (g *Gate) Open(l Lifetime, stopAt int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lifetime, g.admitted = l, 0
	g.reopen(stopAt)
}

// Reopen lets requests through again to the same lifetime, until stopAt have
// been admitted in it; 0 = no stop.
func (g *Gate) Reopen(stopAt int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.reopen(stopAt)
}

// Shut makes new requests wait; those inside go on.
func (g *Gate) Shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.close()
}

// Quiet returns a channel that is closed once the gate is shut and every
// request that passed is done. It is good until the gate opens again.
func (g *Gate) Quiet() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.watch(&g.quiet)
}

// Held returns a channel that is closed once a request waits at the shut gate.
// It is good until the gate opens again.
func (g *Gate) Held() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.watch(&g.held)
}

// Near returns a channel that is closed when the gate has shut, or when that
// many more requests will shut it. It is good until the gate opens again.
func (g *Gate) Near(ahead int) <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.near, g.ahead = nil, ahead
	return g.watch(&g.near)
}

// Reached returns a channel that is closed when the gate has shut, by itself
// or by Shut. It is good until the gate opens again.
func (g *Gate) Reached() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.watch(&g.shut)
}

// Urgent returns a channel that is closed once a request that waits at the
// gate has less than margin left of its own time. It is good until the gate
// opens again.
func (g *Gate) Urgent(margin time.Duration) <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.urgent.stop()
	g.urgent = &urgency{margin: margin, due: make(chan struct{})}
	for e := g.queue.Front(); e != nil; e = e.Next() {
		g.urgent.add(e.Value.(*waiter))
	}
	return g.urgent.due
}

// Admitted is the number of requests let through in the current lifetime.
func (g *Gate) Admitted() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.admitted
}

// Inside is the number of requests that passed and are not done.
func (g *Gate) Inside() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.inside
}

// Waiting is the number of requests that wait at the gate.
func (g *Gate) Waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.queue.Len()
}

// Enter waits until the request may pass, or ctx ends.
func (g *Gate) Enter(ctx context.Context) (Pass, error) {
	g.mu.Lock()
	if g.open { // then nobody waits
		pass := g.admit()
		g.mu.Unlock()
		return pass, nil
	}
	w, place := g.wait(ctx)
	g.mu.Unlock()
	select {
	case <-w.passed:
		return w.pass, nil
	case <-ctx.Done():
		return g.giveUp(w, place)
	}
}

// Leave says that the request is done.
func (p Pass) Leave() {
	p.gate.mu.Lock()
	defer p.gate.mu.Unlock()
	p.gate.inside--
	p.gate.settle()
}

func (g *Gate) reopen(stopAt int) {
	g.stopAt = stopAt
	g.near, g.shut, g.quiet, g.held = nil, nil, nil, nil
	g.urgent.stop()
	g.urgent = nil
	g.open = stopAt <= 0 || g.admitted < stopAt
	g.admitWaiting()
	g.settle()
}

// admitWaiting lets the queue pass, as far as the stop allows. Who has given
// up, and does not know it yet, takes nobody's place.
func (g *Gate) admitWaiting() {
	for g.open && g.queue.Len() > 0 {
		w := g.queue.Remove(g.queue.Front()).(*waiter)
		if w.ctx.Err() == nil {
			w.pass = g.admit()
			w.pass.Waited = time.Since(w.since)
			close(w.passed)
		}
	}
}

func (g *Gate) admit() Pass {
	g.admitted++
	g.inside++
	switch left := g.stopAt - g.admitted; {
	case g.stopAt <= 0:
	case left <= 0:
		g.close()
	case left == g.ahead:
		closeWhen(true, g.near)
	}
	return Pass{gate: g, Lifetime: g.lifetime, Number: g.lifetime.RequestNumber + g.admitted}
}

func (g *Gate) close() {
	g.open = false
	g.settle()
}

// watch returns the channel c points to, made if need be and closed if it is
// time already.
func (g *Gate) watch(c *chan struct{}) <-chan struct{} {
	if *c == nil {
		*c = make(chan struct{})
		g.settle()
	}
	return *c
}

// settle closes the channels whose time has come.
func (g *Gate) settle() {
	closeWhen(!g.open || g.stopAt > 0 && g.stopAt-g.admitted <= g.ahead, g.near)
	closeWhen(!g.open, g.shut)
	closeWhen(!g.open && g.inside == 0, g.quiet)
	closeWhen(!g.open && g.queue.Len() > 0, g.held)
}

// closeWhen closes c, unless it is nil or closed already.
func closeWhen(due bool, c chan struct{}) {
	if !due || c == nil {
		return
	}
	select {
	case <-c:
	default:
		close(c)
	}
}
