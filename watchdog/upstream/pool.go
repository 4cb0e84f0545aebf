package upstream

import (
	"context"
	"errors"
	"slices"
	"time"
)

// take returns a connection that the server has not closed, an idle one if
// there is one.
func (t *Transport) take(l limits) (*conn, error) {
	if err := l.exceeded(); err != nil {
		return nil, err
	}
	for {
		c := t.pop()
		if c == nil {
			return t.dial(l)
		}
		// The deadline of the request before would end the look at it.
		if c.bound(l.deadline) == nil && c.alive() {
			c.reused = true
			return c, nil
		}
		c.close()
	}
}

// pop takes the idle connection that was used last: those that are not needed
// grow old.
func (t *Transport) pop() *conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := len(t.idle) - 1
	if last < 0 {
		return nil
	}
	c := t.idle[last]
	t.idle[last], t.idle = nil, t.idle[:last]
	return c
}

// put keeps a connection for the next request, or closes it.
func (t *Transport) put(c *conn) {
	if !t.keep(c) {
		c.close()
	}
}

func (t *Transport) keep(c *conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || c.round != t.round || len(t.idle) >= t.settings.MaxIdle {
		return false
	}
	if t.settings.IdleTimeout > 0 {
		c.idleSince = time.Now()
		if t.timer == nil {
			t.timer = time.AfterFunc(t.settings.IdleTimeout, t.expire)
		}
	}
	t.idle = append(t.idle, c)
	return true
}

// expire closes the connections that have been idle for too long, and comes
// back when the next one will have been.
func (t *Transport) expire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	limit := time.Now().Add(-t.settings.IdleTimeout)
	old := 0
	for old < len(t.idle) && !t.idle[old].idleSince.After(limit) {
		t.idle[old].close()
		old++
	}
	t.idle = append(t.idle[:0], t.idle[old:]...)
	t.timer = nil
	if len(t.idle) > 0 {
		t.timer = time.AfterFunc(t.idle[0].idleSince.Sub(limit), t.expire)
	}
}

// CloseIdle closes all idle connections before it returns. Those in use are
// closed when their requests are done, and not kept: once no request runs that
// began before the call, no connection from before it is left.
func (t *Transport) CloseIdle() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.round++
	t.dropIdle()
}

// Drain does what CloseIdle does, and returns when the server has closed its
// side of those connections, too, or when ctx ends. Asking the server for its
// end costs nothing; the kernel's table of connections takes 15 to 40 ms to
// read on a machine of 24 GB, however few there are.
func (t *Transport) Drain(ctx context.Context) error {
	t.mu.Lock()
	t.round++
	idle := slices.Clone(t.idle)
	t.forgetIdle()
	t.mu.Unlock()
	for _, c := range idle {
		c.closeWrite()
	}
	var errs []error
	for _, c := range idle {
		errs = append(errs, c.awaitEnd(ctx))
	}
	return errors.Join(errs...)
}

// Close closes all idle connections. Requests that run go on, and their
// connections are closed when they are done; later ones fail with ErrClosed.
func (t *Transport) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	t.dropIdle()
}

func (t *Transport) dropIdle() {
	for _, c := range t.idle {
		c.close()
	}
	t.forgetIdle()
}

func (t *Transport) forgetIdle() {
	clear(t.idle)
	t.idle = t.idle[:0]
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
}
