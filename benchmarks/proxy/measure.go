package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/pronghorn-faas/pronghorn/benchmarks/machine"
)

// Names of what is measured. The function is measured without a watchdog, to
// know what that adds.
const (
	nameOurs      = "ours"
	nameSnapshots = "ours_snapshots_on"
	nameTheirs    = "theirs"
	nameFunction  = "function"
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
	theirs, note := o.theirs()
	r := &report{Theirs: note, Machine: machine.This(), Rounds: o.rounds, RoundSeconds: o.round.Seconds(), Watchdogs: map[string]*program{}}
	for name, binary := range map[string]string{nameOurs: o.ours, nameTheirs: theirs} {
		var err error
		if r.Watchdogs[name], err = newProgram(binary); err != nil {
			return nil, err
		}
	}
	for i, arrangement := range o.arrange {
		if err := r.arranged(ctx, o, arrangement, i == len(o.arrange)-1); err != nil {
			return nil, fmt.Errorf("arrangement %s: %w", arrangement, err)
		}
	}
	slices.Reverse(r.Arrangements) // the last one is the one that is looked at first
	slices.SortStableFunc(r.Cases, func(a, b *result) int {
		return cmp.Compare(slices.Index(o.arrange, b.Arrangement), slices.Index(o.arrange, a.Arrangement))
	})
	return r, nil
}

// arranged measures in one arrangement. Starts and memory are those of the last.
func (r *report) arranged(ctx context.Context, o options, arrangement string, last bool) error {
	plan, err := planCPUs(arrangement)
	if err != nil {
		return err
	}
	r.CPUs, r.Arrangements = plan, append(r.Arrangements, plan)
	if err := machine.Pin(plan.Load); err != nil {
		return err
	}
	runtime.SetDefaultGOMAXPROCS() // as a program has it that starts there
	if o.pronghorn != "" {
		c, err := startControl(ctx, o.pronghorn)
		if err != nil {
			return err
		}
		ours := *r.Watchdogs[nameOurs]
		ours.control = c
		r.Watchdogs[nameSnapshots] = &ours
		defer func() { _ = c.stop() }() // it is killed; what it leaves is in a directory for such
	}
	if last {
		if err := r.starts(ctx, o.starts); err != nil {
			return err
		}
	}
	return r.rounds(ctx, o)
}

// names are the watchdogs that are measured, in the order of the tables.
func (r *report) names() []string {
	var names []string
	for _, name := range []string{nameOurs, nameSnapshots, nameTheirs} {
		if r.Watchdogs[name] != nil {
			names = append(names, name)
		}
	}
	return names
}

// starts starts each watchdog a number of times, in turns.
func (r *report) starts(ctx context.Context, times int) error {
	for range times {
		for _, name := range r.names() {
			p := r.Watchdogs[name]
			w, err := startWatchdog(ctx, name, p, r.CPUs)
			if err != nil {
				return err
			}
			p.StartSamples = append(p.StartSamples, float64(w.started.Microseconds())/1e3)
			p.IdleSamples = append(p.IdleSamples, w.idle)
			p.AnonymousSamples = append(p.AnonymousSamples, w.anonymous)
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
	names := r.names()
	for _, name := range names {
		w, err := startWatchdog(ctx, name, r.Watchdogs[name], r.CPUs)
		if err != nil {
			return err
		}
		up = append(up, w)
		targets[name] = w.through(r.CPUs)
	}
	targets[nameFunction] = up[0].past(r.CPUs)
	for _, l := range loads() {
		if o.only != "" && o.only != l.name() {
			continue
		}
		c, err := runCase(ctx, l, append([]string{nameFunction}, names...), targets, o)
		if err != nil {
			return fmt.Errorf("%s: %w", l.name(), err)
		}
		c.Arrangement = r.CPUs.Arrangement
		r.Cases = append(r.Cases, c)
	}
	return r.afterwards(ctx, up)
}

// afterwards notes the memory that the load has left behind, and whether
// snapshots were on where they should.
func (r *report) afterwards(ctx context.Context, up []*watchdog) (err error) {
	time.Sleep(time.Second) // idle connections of upstream's time out in half of that
	for _, w := range up {
		if r.Watchdogs[w.name].AfterLoad, err = machine.Resident(w.PID()); err != nil {
			return err
		}
		if w.name != nameSnapshots {
			continue
		}
		if r.Snapshots, err = describe(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

// runCase goes round the targets, each time beginning with another.
func runCase(ctx context.Context, l load, names []string, targets map[string]target, o options) (*result, error) {
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
