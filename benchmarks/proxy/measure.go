package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/pronghorn-faas/pronghorn/benchmarks/machine"
)

// Names of what is measured. The function is measured without a watchdog, to
// know what that adds.
const (
	nameOurs     = "ours"
	nameTheirs   = "theirs"
	nameFunction = "function"
)

// standInNote says what a stand-in is, wherever its figures stand.
const standInNote = "stand-in, not upstream itself"

func (o options) theirs() (binary, note string) {
	if o.upstream != "" {
		return o.upstream, o.upstream
	}
	return o.standIn, standInNote
}

// measure does a whole run.
func measure(ctx context.Context, o options) (*report, error) {
	plan, err := planCPUs(o.free)
	if err != nil {
		return nil, err
	}
	if err := machine.Pin(plan.Others); err != nil {
		return nil, err
	}
	theirs, note := o.theirs()
	r := &report{Theirs: note, Machine: machine.This(), CPUs: plan, Rounds: o.rounds, RoundSeconds: o.round.Seconds(), Watchdogs: map[string]*program{}}
	for name, binary := range map[string]string{nameOurs: o.ours, nameTheirs: theirs} {
		if r.Watchdogs[name], err = newProgram(binary); err != nil {
			return nil, err
		}
	}
	if err := r.starts(ctx, o.starts); err != nil {
		return nil, err
	}
	return r, r.rounds(ctx, o)
}

// starts starts each watchdog a number of times, in turns.
func (r *report) starts(ctx context.Context, times int) error {
	for range times {
		for _, name := range []string{nameOurs, nameTheirs} {
			p := r.Watchdogs[name]
			w, err := startWatchdog(ctx, name, p.path, r.CPUs)
			if err != nil {
				return err
			}
			p.StartSamples = append(p.StartSamples, float64(w.started.Microseconds())/1e3)
			p.IdleSamples = append(p.IdleSamples, w.idle)
			if err := w.stop(); err != nil {
				return err
			}
		}
	}
	return nil
}

// rounds measures every case with both watchdogs up, in turns, so that what
// else the machine does falls on all alike.
func (r *report) rounds(ctx context.Context, o options) error {
	var up []*watchdog
	defer func() {
		for _, w := range up {
			_ = w.stop()
		}
	}()
	targets := map[string]target{}
	for _, name := range []string{nameOurs, nameTheirs} {
		w, err := startWatchdog(ctx, name, r.Watchdogs[name].path, r.CPUs)
		if err != nil {
			return err
		}
		up = append(up, w)
		targets[name] = w.through()
	}
	targets[nameFunction] = up[0].past()
	for _, l := range loads() {
		if o.only != "" && o.only != l.name() {
			continue
		}
		c, err := runCase(ctx, l, targets, o)
		if err != nil {
			return fmt.Errorf("%s: %w", l.name(), err)
		}
		r.Cases = append(r.Cases, c)
	}
	return r.afterwards(up)
}

// afterwards notes the memory that the load has left behind.
func (r *report) afterwards(up []*watchdog) (err error) {
	time.Sleep(time.Second) // idle connections of upstream's time out in half of that
	for _, w := range up {
		if r.Watchdogs[w.name].AfterLoad, err = machine.Resident(w.PID()); err != nil {
			return err
		}
	}
	return nil
}

// runCase goes round the targets, each time beginning with another.
func runCase(ctx context.Context, l load, targets map[string]target, o options) (*result, error) {
	names := []string{nameFunction, nameOurs, nameTheirs}
	c := &result{load: l, Samples: map[string][]sample{}}
	for round := range o.rounds {
		for i := range names {
			name := names[(round+i)%len(names)]
			s, err := l.run(ctx, targets[name], o.round)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			c.Samples[name] = append(c.Samples[name], s)
		}
		fmt.Fprintf(os.Stderr, "%s: round %d of %d\n", l.name(), round+1, o.rounds)
	}
	c.summarize()
	return c, nil
}
