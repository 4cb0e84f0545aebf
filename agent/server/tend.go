package server

import (
	"context"
	"time"
)

const (
	// tendEvery is how often it is looked whether the pool is there, and the
	// longest pause between two tries to make it; firstRetry is the shortest.
	tendEvery  = 10 * time.Second
	firstRetry = 500 * time.Millisecond
	// tendWithin bounds one look.
	tendWithin = 10 * time.Second
)

// ensurer is a pool that lies in something which somebody has to make, and may
// remove, such as a bucket.
type ensurer interface {
	// Ensure makes what is missing. Called again, it does so again.
	Ensure(context.Context) error
}

// tender makes the pool's bucket, and makes it anew when it has vanished. It
// says once that the pool is away, and once that it is back.
type tender struct {
	*Server
	pool  ensurer
	retry time.Duration // the pause before the next try; 0 = the last look found the pool
	since time.Time     // when it was first missed
}

// tend looks for the pool once and then in the background, until ctx ends. The
// returned function waits for that end.
func (s *Server) tend(ctx context.Context) (wait func()) {
	pool, ok := s.cfg.Pool.(ensurer)
	if !ok {
		return func() {}
	}
	t, ended := &tender{Server: s, pool: pool}, make(chan struct{})
	t.look(ctx)
	go func() {
		defer close(ended)
		t.run(ctx)
	}()
	return func() { <-ended }
}

func (t *tender) run(ctx context.Context) {
	for {
		pause := tendEvery
		if t.retry > 0 {
			pause = t.retry
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
			t.look(ctx)
		}
	}
}

func (t *tender) look(ctx context.Context) {
	bounded, cancel := context.WithTimeout(ctx, tendWithin)
	defer cancel()
	err := t.pool.Ensure(bounded)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		t.missing(ctx, err)
	case t.retry > 0:
		t.cfg.Log.InfoContext(ctx, "the pool works again", "after", time.Since(t.since).Round(time.Millisecond))
		t.retry = 0
		t.poolAway.Store(false)
	}
}

func (t *tender) missing(ctx context.Context, err error) {
	t.metrics.upkeepErrors.Inc()
	if t.retry > 0 {
		t.retry = min(2*t.retry, tendEvery)
		return
	}
	t.retry, t.since = firstRetry, time.Now()
	t.poolAway.Store(true)
	t.cfg.Log.WarnContext(ctx, "the pool cannot be used: until it can be, functions start cold and keep no snapshots; it is tried again", "err", err)
}
