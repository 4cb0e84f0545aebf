package gate

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// waiter is a request that waits at the gate.
type waiter struct {
	ctx    context.Context
	since  time.Time
	passed chan struct{} // closed once pass is there
	pass   Pass
}

// wait puts a request at the end of the queue.
func (g *Gate) wait(ctx context.Context) (*waiter, *list.Element) {
	w := &waiter{ctx: ctx, since: time.Now(), passed: make(chan struct{})}
	place := g.queue.PushBack(w)
	g.urgent.add(w)
	g.settle()
	return w, place
}

// giveUp takes a request whose context has ended out of the queue. One that
// was let through at the same moment keeps its pass: its number is given.
func (g *Gate) giveUp(w *waiter, place *list.Element) (Pass, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-w.passed:
		return w.pass, nil
	default:
	}
	g.queue.Remove(place) // does nothing when admitWaiting has passed it over
	return Pass{}, context.Cause(w.ctx)
}

// urgency watches the time that waiting requests have left. The nil urgency
// watches nobody.
type urgency struct {
	margin time.Duration
	due    chan struct{}
	once   sync.Once
	timer  *time.Timer // for the earliest deadline
	at     time.Time
}

// add watches one more request. The gate's mutex is held.
func (u *urgency) add(w *waiter) {
	deadline, bounded := w.ctx.Deadline()
	if u == nil || !bounded {
		return
	}
	at := deadline.Add(-u.margin)
	if u.timer != nil && !at.Before(u.at) {
		return
	}
	u.stop()
	u.at = at
	u.timer = time.AfterFunc(time.Until(at), func() { u.once.Do(func() { close(u.due) }) })
}

// stop watches no longer.
func (u *urgency) stop() {
	if u != nil && u.timer != nil {
		u.timer.Stop()
	}
}
