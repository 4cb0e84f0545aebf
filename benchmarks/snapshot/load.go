package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/sandbox"
)

// load is a closed loop of small requests on each of some connections. It
// notes when answers were complete.
type load struct {
	path     string
	stopping atomic.Bool
	answered atomic.Int64
	all      sync.WaitGroup
	loops    []loop
	failed   chan error
}

type loop struct {
	conn    *conn
	answers []time.Time
	longest []time.Duration // how long each answer took
}

// startLoad connects and begins to send.
func startLoad(ctx context.Context, box *sandbox.Sandbox, path string, connections int) (*load, error) {
	l := &load{path: path, loops: make([]loop, connections), failed: make(chan error, connections)}
	for i := range l.loops {
		c, err := connect(ctx, box, watchdogAddr)
		if err != nil {
			return nil, errors.Join(err, l.stop())
		}
		l.loops[i].conn = c
		l.all.Go(func() { l.run(&l.loops[i]) })
	}
	return l, nil
}

func (l *load) run(loop *loop) {
	for !l.stopping.Load() {
		sent := time.Now()
		if err := loop.conn.ask(l.path); err != nil {
			l.failed <- err
			return
		}
		now := time.Now()
		loop.answers, loop.longest = append(loop.answers, now), append(loop.longest, now.Sub(sent))
		l.answered.Add(1)
	}
}

// await waits for a number of answers.
func (l *load) await(ctx context.Context, n int) (time.Time, error) {
	for l.answered.Load() < int64(n) {
		select {
		case err := <-l.failed:
			return time.Time{}, fmt.Errorf("a request failed: %w", err)
		case <-ctx.Done():
			return time.Time{}, ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	return time.Now(), nil
}

// stop ends the load; it is an error if a request had failed.
func (l *load) stop() error {
	l.stopping.Store(true)
	l.all.Wait()
	for _, loop := range l.loops {
		if loop.conn != nil {
			_ = loop.conn.Close()
		}
	}
	select {
	case err := <-l.failed:
		return fmt.Errorf("a request failed: %w", err)
	default:
		return nil
	}
}

// service is what clients saw in some time.
type service struct {
	// gap is the longest time without an answer and second the second longest,
	// longest the longest that an answer took, usual the median time between two
	// answers.
	gap, second, longest, usual time.Duration
}

// between looks at the answers from one time to another, after stop.
func (l *load) between(from, to time.Time) service {
	var s service
	var answers []time.Time
	for _, loop := range l.loops {
		answers = append(answers, loop.answers...)
		for i, at := range loop.answers {
			if at.After(from) && at.Before(to) {
				s.longest = max(s.longest, loop.longest[i])
			}
		}
	}
	gaps := gapsBetween(answers, from, to)
	if len(gaps) > 0 {
		slices.Sort(gaps)
		s.gap, s.second, s.usual = gaps[len(gaps)-1], gaps[max(len(gaps)-2, 0)], gaps[len(gaps)/2]
	}
	return s
}

// gapsBetween are the times between answers, of which the later one came
// between from and to, or was the first one after that.
func gapsBetween(answers []time.Time, from, to time.Time) []time.Duration {
	slices.SortFunc(answers, time.Time.Compare)
	var gaps []time.Duration
	for i := 1; i < len(answers); i++ {
		if answers[i].After(from) && answers[i-1].Before(to) {
			gaps = append(gaps, answers[i].Sub(answers[i-1]))
		}
	}
	return gaps
}
