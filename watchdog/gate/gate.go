// Package gate stands between the requests and the function's process. While
// it is open, requests pass and are numbered; while it is shut, because the
// process is being started, dumped or replaced, they wait.
package gate

import (
	"context"
	"sync"
)

// Gate lets requests through to the process of one lifetime at a time. The
// zero Gate is shut.
type Gate struct {
	mu       sync.Mutex
	open     bool
	lifetime Lifetime
	admitted int           // requests let through in this lifetime
	stopAt   int           // shut after this many; 0 = never
	inside   int           // requests let through and not yet done
	changed  chan struct{} // closed when waiting requests should look again
	quiet    chan struct{} // closed when the gate is shut and nobody is inside
	holding  int           // requests that wait at the shut gate
	held     chan struct{} // closed when the gate is shut and somebody waits
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
}

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

func (g *Gate) reopen(stopAt int) {
	g.open, g.stopAt = true, stopAt
	g.quiet, g.held = nil, nil
	if stopAt > 0 && g.admitted >= stopAt {
		g.open = false
	}
	g.wake()
}

// Shut makes new requests wait; those inside go on.
func (g *Gate) Shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = false
	g.wake()
}

// Quiet returns a channel that is closed once the gate is shut and every
// request that passed is done. It is good until the gate opens again.
func (g *Gate) Quiet() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.quiet == nil {
		g.quiet = make(chan struct{})
		g.settle()
	}
	return g.quiet
}

// Held returns a channel that is closed once a request waits at the shut gate.
// It is good until the gate opens again.
func (g *Gate) Held() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held == nil {
		g.held = make(chan struct{})
		g.settle()
	}
	return g.held
}

// Reached returns a channel that is closed when the gate has shut, by itself
// or by Shut.
func (g *Gate) Reached() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.open {
		return closed()
	}
	return g.waiting()
}

// Admitted is the number of requests let through in the current lifetime.
func (g *Gate) Admitted() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.admitted
}

// Enter waits until the request may pass, or ctx ends.
func (g *Gate) Enter(ctx context.Context) (Pass, error) {
	for {
		pass, again, ok := g.try()
		if ok {
			return pass, nil
		}
		err := wait(ctx, again)
		g.release()
		if err != nil {
			return Pass{}, err
		}
	}
}

func wait(ctx context.Context, again <-chan struct{}) error {
	select {
	case <-again:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// release says that a request does not wait any more.
func (g *Gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.holding--
}

func (g *Gate) try() (pass Pass, again <-chan struct{}, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.open {
		g.holding++
		g.settle()
		return Pass{}, g.waiting(), false
	}
	g.admitted++
	g.inside++
	if g.stopAt > 0 && g.admitted >= g.stopAt {
		g.open = false
		g.wake()
	}
	return Pass{gate: g, Lifetime: g.lifetime, Number: g.lifetime.RequestNumber + g.admitted}, nil, true
}

// Leave says that the request is done.
func (p Pass) Leave() {
	p.gate.mu.Lock()
	defer p.gate.mu.Unlock()
	p.gate.inside--
	p.gate.settle()
}

// waiting is the channel that the next wake closes.
func (g *Gate) waiting() <-chan struct{} {
	if g.changed == nil {
		g.changed = make(chan struct{})
	}
	return g.changed
}

func (g *Gate) wake() {
	if g.changed != nil {
		close(g.changed)
		g.changed = nil
	}
	g.settle()
}

// settle closes quiet and held when it is time.
func (g *Gate) settle() {
	closeWhen(!g.open && g.inside == 0, g.quiet)
	closeWhen(!g.open && g.holding > 0, g.held)
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

func closed() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}
