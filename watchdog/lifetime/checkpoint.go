package lifetime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// dumpTimeout is when CRIU is taken to hang. It is far beyond any dump: one
// that is cut off costs the process.
const dumpTimeout = 30 * time.Second

// checkpoint takes a snapshot of the process between two requests: the gate is
// shut, those inside finish, CRIU dumps, and the caller opens the gate again.
// Packing and uploading go on in the background.
func (m *Manager) checkpoint(ctx context.Context, l *life, admitted int) Failure {
	c := &agent.Checkpoint{RequestNumber: l.record.RequestNumber + admitted, Outcome: agent.CheckpointDone}
	l.record.Checkpoint = c
	if why := m.awaitIdle(ctx, l); !why.None() {
		m.noteCheckpoint(l, c, why)
		return why
	}
	begin := time.Now() // from here on nobody is served
	dir, process, why := m.dump(ctx, l, c)
	pause := time.Since(begin)
	c.PauseMS = milliseconds(pause)
	m.metrics.PauseSeconds.Observe(pause.Seconds())
	if !why.None() {
		m.noteCheckpoint(l, c, why)
		return why
	}
	if pause > m.MaxPause {
		m.noCheckpoints = true
		m.log.Warn("a checkpoint held requests longer than snapshot_max_pause: no more are taken by this worker", "pause", pause.Round(time.Millisecond), "limit", m.MaxPause)
	}
	l.uploaded = make(chan struct{})
	go func() {
		defer close(l.uploaded)
		defer os.RemoveAll(dir)
		m.noteCheckpoint(l, c, m.upload(ctx, l, c, dir, process))
	}()
	return Failure{}
}

func (m *Manager) noteCheckpoint(l *life, c *agent.Checkpoint, why Failure) {
	code := codePlanned
	if !why.None() {
		c.Outcome, c.Reason, code = agent.CheckpointFailed, why.String(), why.Code
		m.log.Warn("checkpoint failed, the function goes on", "lifetime", l.record.Lifetime, "request_number", c.RequestNumber, "reason", why)
	} else {
		m.log.Info("checkpoint taken", "lifetime", l.record.Lifetime, "snapshot", c.Snapshot, "request_number", c.RequestNumber,
			"pause_ms", c.PauseMS, "dump_ms", c.DumpMS, "upload_ms", c.UploadMS, "bytes", c.Bytes)
	}
	m.metrics.Checkpoints.WithLabelValues(c.Outcome, code).Inc()
}

// dump writes the image into a new directory, which is gone after a failure.
func (m *Manager) dump(ctx context.Context, l *life, c *agent.Checkpoint) (dir string, p snapshot.Process, why Failure) {
	if why := m.quiesce(ctx); !why.None() {
		return "", p, why
	}
	dir, err := m.stage()
	if err != nil {
		return "", p, Failure{codeDump, err}
	}
	begin := time.Now()
	dumping, cancel := context.WithTimeout(context.WithoutCancel(ctx), dumpTimeout)
	defer cancel()
	p, err = m.Engine.Dump(dumping, l.process.PID(), dir)
	c.DumpMS = milliseconds(time.Since(begin))
	m.metrics.DumpSeconds.Observe(time.Since(begin).Seconds())
	if err == nil {
		return dir, p, Failure{}
	}
	if dumping.Err() != nil {
		l.abandoned = true // what a dump that was cut off left is not to be trusted
		l.process.Kill()
	}
	return "", p, Failure{codeDump, errors.Join(err, os.RemoveAll(dir))}
}

// awaitIdle waits until the requests at the process are done. That may take as
// long as it takes while no other request waits; one that does is not held for
// longer than MaxPause.
func (m *Manager) awaitIdle(ctx context.Context, l *life) Failure {
	select {
	case <-m.gate.Quiet():
		return Failure{}
	case <-m.gate.Held():
	case <-l.process.Done():
		return exitedBefore()
	case <-ctx.Done():
		return Failure{codeShutdown, ctx.Err()}
	}
	select {
	case <-m.gate.Quiet():
		return Failure{}
	case <-l.process.Done():
		return exitedBefore()
	case <-ctx.Done():
		return Failure{codeShutdown, ctx.Err()}
	case <-time.After(m.MaxPause):
		return Failure{codeBusy, fmt.Errorf("the requests at the function did not finish within snapshot_max_pause (%s)", m.MaxPause)}
	}
}

func exitedBefore() Failure {
	return Failure{codeProcessExited, errors.New("the process ended before the checkpoint")}
}

// quiesce lets the function prepare and waits until nobody is connected to it.
func (m *Manager) quiesce(ctx context.Context) Failure {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.MaxPause)
	defer cancel()
	if err := m.Hooks.beforeCheckpoint(ctx); err != nil {
		return Failure{codeHook, err}
	}
	m.conns.CloseIdle()
	if err := awaitNoConnections(ctx, m.Address); err != nil {
		return Failure{codeBusy, err}
	}
	return Failure{}
}

// upload brings the image to the pool and registers it.
func (m *Manager) upload(ctx context.Context, l *life, c *agent.Checkpoint, dir string, p snapshot.Process) Failure {
	begin := time.Now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), uploadTimeout)
	defer cancel()
	err := m.uploadAndRegister(ctx, l, c, dir, p)
	c.UploadMS = milliseconds(time.Since(begin))
	if err != nil {
		m.metrics.Errors.WithLabelValues("pool", "upload").Inc()
		return Failure{codeUpload, err}
	}
	return Failure{}
}

func (m *Manager) uploadAndRegister(ctx context.Context, l *life, c *agent.Checkpoint, dir string, p snapshot.Process) error {
	to, err := m.Agent.Upload(ctx, agent.UploadRequest{Lifetime: l.record.Lifetime, RequestNumber: c.RequestNumber})
	if err != nil {
		return fmt.Errorf("ask where to upload: %w", err)
	}
	sum, bytes, err := m.Images.Store(ctx, to.PackURL, to.ManifestURL, dir, m.manifest(l, c, to.Snapshot, p))
	c.Bytes = bytes
	m.metrics.Bytes.WithLabelValues("up").Add(float64(bytes))
	if err != nil {
		return err
	}
	_, err = m.Agent.Register(ctx, agent.Registration{Snapshot: to.Snapshot, Lifetime: l.record.Lifetime, ManifestSHA256: sum})
	if err != nil {
		return fmt.Errorf("register snapshot %s: %w", to.Snapshot, err)
	}
	c.Snapshot = to.Snapshot
	return nil
}

func (m *Manager) manifest(l *life, c *agent.Checkpoint, id string, p snapshot.Process) snapshot.Manifest {
	return snapshot.Manifest{
		Format: snapshot.Format, ID: id, Function: m.Function, Lifetime: l.record.Lifetime, Parent: l.record.Snapshot,
		RequestNumber: c.RequestNumber, Created: time.Now().UTC(), Platform: m.Platform, Runtime: m.Runtime, Process: p,
	}
}
