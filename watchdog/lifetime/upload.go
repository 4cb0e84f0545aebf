package lifetime

import (
	"context"
	"fmt"
	"time"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// upload brings the image to the pool and registers it.
func (m *Manager) upload(ctx context.Context, l *life, c *agent.Checkpoint, img *snapshot.Image, p snapshot.Process) Failure {
	begin := time.Now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), uploadTimeout)
	defer cancel()
	err := m.uploadAndRegister(ctx, l, c, img, p)
	c.UploadMS = milliseconds(time.Since(begin))
	if err != nil {
		m.metrics.Errors.WithLabelValues("pool", "upload").Inc()
		return Failure{codeUpload, err}
	}
	return Failure{}
}

func (m *Manager) uploadAndRegister(ctx context.Context, l *life, c *agent.Checkpoint, img *snapshot.Image, p snapshot.Process) error {
	defer img.Close() // Store does so earlier
	base := l.base.wait(ctx)
	defer l.base.release()
	m.step("upload: base ready")
	to, err := m.Agent.Upload(ctx, agent.UploadRequest{Lifetime: l.record.Lifetime, RequestNumber: c.RequestNumber, Packs: base.Packs()})
	if err != nil {
		return fmt.Errorf("ask where to upload: %w", err)
	}
	m.step("upload: allowed")
	for _, pages := range img.Pages {
		c.Bytes += pages.Bytes
	}
	stored, err := m.Images.Store(ctx, snapshot.StoreRequest{
		PackURL: to.PackURL, ManifestURL: to.ManifestURL, Image: img, Manifest: m.manifest(l, c, to.Snapshot, p),
		Base: base, Share: to.Share, Keys: m.Keys, Cache: m.Cache, WantBase: m.Evict,
	})
	l.moved = stored.Moved
	m.noteStored(c, stored)
	if err != nil {
		return err
	}
	m.step("upload: stored")
	_, err = m.Agent.Register(ctx, agent.Registration{Snapshot: to.Snapshot, Lifetime: l.record.Lifetime, ManifestSHA256: stored.ManifestSHA256})
	if err != nil {
		return fmt.Errorf("register snapshot %s: %w", to.Snapshot, err)
	}
	m.step("upload: registered")
	c.Snapshot = to.Snapshot
	m.remember(stored)
	return nil
}

func (m *Manager) noteStored(c *agent.Checkpoint, s snapshot.Stored) {
	c.HashMS, c.PackMS, c.SendMS = milliseconds(s.HashTime), milliseconds(s.PackTime), milliseconds(s.UploadTime)
	c.Pages, c.PagesZero, c.PagesShared, c.PagesNew, c.StoredBytes = s.Pages, s.Zero, s.Shared, s.New, s.StoredBytes
	m.metrics.Bytes.WithLabelValues("up").Add(float64(s.Moved))
	m.metrics.Bytes.WithLabelValues("stored").Add(float64(s.StoredBytes))
	m.metrics.Bytes.WithLabelValues("shared").Add(float64(s.Shared) * snapshot.PageSize)
	m.metrics.ObserveStep("hash", s.HashTime)
	m.metrics.ObserveStep("pack", s.PackTime)
	m.metrics.ObserveStep("upload", s.UploadTime)
}

func (m *Manager) manifest(l *life, c *agent.Checkpoint, id string, p snapshot.Process) snapshot.Manifest {
	return snapshot.Manifest{
		Format: snapshot.Format, ID: id, Function: m.Function, Lifetime: l.record.Lifetime, Parent: l.record.Snapshot,
		RequestNumber: c.RequestNumber, Created: time.Now().UTC(), Platform: m.Platform, Runtime: m.Runtime, Process: p,
	}
}
