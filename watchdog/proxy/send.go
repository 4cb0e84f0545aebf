package proxy

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/pronghorn-faas/pronghorn/watchdog/upstream"
)

// A request whose process has gone is handed to the next one, for this long
// and at this pace.
const (
	retryFor  = 5 * time.Second
	retryPace = 5 * time.Millisecond
)

// send waits for the gate and sends the request. It sends it again when the
// process turns out to be gone and cannot have worked on it.
func (c *call) send() (*http.Response, error) {
	var giveUp time.Time
	for {
		if err := c.enter(); err != nil {
			return nil, fmt.Errorf("%w: %w", errNotReady, err)
		}
		resp, err := c.proxy.function.Do(c.r.Context(), &c.out, upstream.Options{
			Deadline: c.deadline, Early: c.early, Done: c.answered,
		})
		if err == nil {
			return resp, nil
		}
		c.pass.Leave()
		if giveUp.IsZero() {
			giveUp = time.Now().Add(retryFor)
		}
		if !c.again(err) || time.Now().After(giveUp) || !c.pause() {
			return nil, err
		}
		c.proxy.retries.Inc()
	}
}

// enter waits at the gate. Requests without a timeout of their own, those that
// stream, wait as long as others may take.
func (c *call) enter() error {
	arrived := time.Now()
	until := c.deadline
	if limit := c.proxy.settings.ExecTimeout; until.IsZero() && limit > 0 {
		until = arrived.Add(limit)
	}
	c.wait = waiting{Context: c.r.Context(), until: until}
	defer c.wait.stop()
	var err error
	c.pass, err = c.proxy.gate.Enter(&c.wait)
	c.sent = time.Now()
	c.waited += c.sent.Sub(arrived)
	return err
}

// answered is called at the end of the function's answer.
func (c *call) answered(status int) {
	c.proxy.observe(c.pass, time.Since(c.sent), status)
	c.pass.Leave()
}

// again reports whether the function cannot have worked on the request: it was
// never connected, or it is a request that may be repeated and the process was
// a restored one that has gone.
func (c *call) again(err error) bool {
	if c.body.touched() || c.r.Context().Err() != nil || errors.Is(err, upstream.ErrDeadline) {
		return false
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return true
	}
	return c.pass.Lifetime.Restored && upstream.Idempotent(c.out.Method)
}

// pause waits before the next try, and reports whether there may be one. A try
// after the deadline says that it has passed.
func (c *call) pause() bool {
	pace := retryPace
	if !c.deadline.IsZero() {
		pace = min(pace, time.Until(c.deadline))
	}
	select {
	case <-time.After(pace):
		return true
	case <-c.r.Context().Done():
		return false
	}
}
