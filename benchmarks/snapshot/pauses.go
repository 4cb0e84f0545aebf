package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// way to take a checkpoint.
type pauseWay struct {
	name        string
	ours        bool
	connections int
	order       order
}

const (
	pauseOurs        = "ours, 1 connection"
	pauseTheirs      = "theirs, 1 connection"
	pauseTheirsKdat  = "theirs, 1 connection, with CRIU's cache"
	pauseTheirsSkip  = "theirs, 1 connection, no network lock"
	pauseOurs4       = "ours, 4 connections"
	pauseTheirs4     = "theirs, 4 connections"
	pauseTheirsSkip4 = "theirs, 4 connections, no network lock"
)

// skipLock lets a dump leave the network alone, which favours the reference:
// it does without rules of a firewall for every connection.
const skipLock = "--network-lock skip"

// networkLock is the option with which CRIU can lock the network here: none
// for iptables, its default.
func networkLock() (options, note string) {
	if _, err := exec.LookPath("iptables-restore"); err == nil {
		return "", "iptables, CRIU's default"
	}
	if _, err := exec.LookPath("nft"); err == nil {
		return "--network-lock nftables", "nftables, since there is no iptables"
	}
	return skipLock, "none, since there is neither iptables nor nft"
}

func pauseWays() []pauseWay {
	lock, _ := networkLock()
	return []pauseWay{
		{pauseOurs, true, 1, order{}},
		{pauseTheirs, false, 1, order{Options: lock}},
		{pauseTheirsKdat, false, 1, order{Options: lock, Kdat: true}},
		{pauseTheirsSkip, false, 1, order{Options: skipLock}},
		{pauseOurs4, true, 4, order{}},
		{pauseTheirs4, false, 4, order{Options: lock}},
		{pauseTheirsSkip4, false, 4, order{Options: skipLock}},
	}
}

const (
	// before is how many answers there are until the checkpoint begins, so that
	// what follows a restore is over; near how many before that count already.
	before, near = 1500, 100
	// after is how long the load goes on when a checkpoint is over.
	after = 100 * time.Millisecond
)

// pauses measures the longest gap in service while a checkpoint is taken, of a
// process that was restored from the lineage's last snapshot.
func (s *stage) pauses(ctx context.Context) error {
	return inTurns(s.o.n, pauseWays(), func(round int, way pauseWay) error {
		if !strings.HasPrefix(way.name, s.o.ways) {
			return nil
		}
		began := time.Now()
		one := sample{Way: way.name, Round: round, Began: began, Values: map[string]float64{}}
		measure := s.pauseTheirWay
		if way.ours {
			measure = s.pauseOurWay
		}
		if err := measure(ctx, way, &one); err != nil {
			return fmt.Errorf("checkpoint, %s: %w", way.name, err)
		}
		s.result.Pauses = append(s.result.Pauses, one)
		s.say("round %d of %d: checkpoint, %s: gap %.1f ms", round+1, s.o.n, way.name, one.Values["gap_ms"])
		return nil
	})
}

// pauseOurWay lets the watchdog take the checkpoint that is planned.
func (s *stage) pauseOurWay(ctx context.Context, way pauseWay, one *sample) error {
	s.control.expect(func() {})
	w, err := s.startOurs(ctx, plan{checkpointAt: s.deepest + before, cache: s.cache()})
	if err != nil {
		return err
	}
	err = s.underLoad(ctx, w, way.connections, one, func() (time.Time, time.Time, error) {
		end, err := s.control.awaitRegistered(ctx, w.Done())
		return time.Time{}, end, err
	})
	if err != nil {
		return errors.Join(w.explain(err), w.Close())
	}
	if err := w.stop(); err != nil {
		return err
	}
	rec, err := s.onlyRecord(w)
	if err != nil {
		return err
	}
	c := rec.Checkpoint
	for name, v := range map[string]float64{
		"pause_ms": c.PauseMS, "dump_ms": c.DumpMS, "store_ms": c.UploadMS, "hash_ms": c.HashMS, "pack_ms": c.PackMS, "send_ms": c.SendMS,
		"bytes": float64(rec.BytesUploaded), "pages_new": float64(c.PagesNew), "pages": float64(c.Pages),
	} {
		one.Values[name] = v
	}
	return s.control.removeAbove(ctx, s.function.name, s.deepest)
}

// pauseTheirWay lets the reference dump the process and send the image.
func (s *stage) pauseTheirWay(ctx context.Context, way pauseWay, one *sample) (err error) {
	t, err := s.startTheirs(ctx, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	if _, err := t.tell(ctx, "start", order{}); err != nil {
		return err
	}
	if err := t.settle(ctx, way.order); err != nil {
		return err
	}
	return t.explain(s.underLoad(ctx, t.worker, way.connections, one, func() (time.Time, time.Time, error) {
		out, err := t.tell(ctx, "dump", way.order)
		for name, v := range out.Values {
			one.Values[name] = v
		}
		one.Failed = out.Failed
		return out.Began, time.Now(), err
	}))
}

// underLoad sends requests while a checkpoint is taken, and notes what the
// clients saw: from when it began, or was near, until it was over.
func (s *stage) underLoad(ctx context.Context, w *worker, connections int, one *sample, checkpoint func() (from, to time.Time, err error)) error {
	l, err := startLoad(ctx, w.Sandbox, s.o.request, connections)
	if err != nil {
		return err
	}
	isNear, err := l.await(ctx, before-near)
	if err == nil {
		_, err = l.await(ctx, before-10)
	}
	var from, to time.Time
	if err == nil {
		from, to, err = checkpoint()
	}
	time.Sleep(after)
	if err := errors.Join(err, l.stop()); err != nil {
		return err
	}
	if from.IsZero() {
		from = isNear
	}
	seen, usual := l.between(from, to.Add(after/2)), l.between(time.Time{}, isNear)
	one.Values["gap_ms"] = milliseconds(seen.gap)
	one.Values["second_gap_ms"] = milliseconds(seen.second)
	one.Values["longest_answer_ms"] = milliseconds(seen.longest)
	one.Values["usual_gap_ms"] = milliseconds(usual.usual)
	return nil
}
