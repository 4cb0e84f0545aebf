package lifetime

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/watchdog/process"
)

// restore starts the process from a snapshot. After a failure nothing of it
// is left. CRIU is started while the image is on its way.
func (m *Manager) restore(ctx context.Context, l *life, r *agent.Restore) Failure {
	dir, err := m.stage()
	if err != nil {
		return Failure{codeFetch, err}
	}
	p, fetched, why := m.revive(ctx, l, r, dir)
	if fetched.Dir != dir { // there is no image, or the cache has it
		_ = os.RemoveAll(dir)
	}
	if !why.None() {
		_ = os.RemoveAll(fetched.Dir) // a staging directory
		return why
	}
	manifest := fetched.Manifest
	l.process = p
	l.record.Start, l.record.Snapshot, l.record.RequestNumber = agent.Restored, r.Snapshot, manifest.RequestNumber
	l.record.Mode = m.mode()
	m.keepOrRemove(ctx, l, r.ManifestSHA256, fetched)
	return Failure{}
}

// keepOrRemove has the image for as long as a checkpoint of this lifetime may
// share pages with it, and until it is in the node's cache.
func (m *Manager) keepOrRemove(ctx context.Context, l *life, manifestSHA256 string, f snapshot.Fetched) {
	if l.plan.CheckpointAt > f.Manifest.RequestNumber && !m.noCheckpoints {
		if l.base = m.remembered(manifestSHA256); l.base == nil {
			l.base = m.keepBase(ctx, f)
		}
	}
	m.background.Go(func() {
		defer os.RemoveAll(f.Dir)
		m.keepImage(ctx, f)
		l.base.settle()
	})
}

// revive turns a snapshot into a process that accepts requests.
func (m *Manager) revive(ctx context.Context, l *life, r *agent.Restore, dir string) (*process.Process, snapshot.Fetched, Failure) {
	restoring, err := process.PrepareRestore(ctx, m.Engine, m.PIDs, m.Output)
	if err != nil {
		return nil, snapshot.Fetched{}, Failure{codeRestore, err}
	}
	m.step("restore: prepared")
	fetched, why := m.fetchAndVerify(ctx, l, r, dir)
	if !why.None() {
		_ = restoring.Close() // why is the reason
		return nil, fetched, why
	}
	m.step("restore: fetched")
	begin := time.Now()
	defer func() { l.record.StartMS = milliseconds(time.Since(begin)) }()
	bounded, cancel := context.WithTimeout(ctx, restoreTimeout)
	defer cancel()
	p, err := restoring.Run(bounded, fetched.Dir, fetched.Manifest.Process)
	l.record.RestoreMS = milliseconds(time.Since(begin))
	m.metrics.ObserveStep("restore", time.Since(begin))
	if err != nil {
		return nil, fetched, Failure{codeRestore, err}
	}
	m.step("restore: restored")
	if why := m.greet(ctx, p); !why.None() {
		p.Kill()
		return nil, fetched, why
	}
	return p, fetched, Failure{}
}

// fetchAndVerify fetches the image. Where CRIU's first call would have to find
// out about the kernel, for which it mostly waits, it looks meanwhile whether
// CRIU works.
func (m *Manager) fetchAndVerify(ctx context.Context, l *life, r *agent.Restore, dir string) (snapshot.Fetched, Failure) {
	verified := make(chan Failure, 1)
	if m.Support.Quick() {
		verified <- Failure{}
	} else {
		go func() { verified <- m.Support.Verify(ctx) }()
	}
	fetched, err := m.fetch(ctx, l, r, dir)
	if err != nil {
		m.metrics.Errors.WithLabelValues("pool", "fetch").Inc()
		return fetched, Failure{codeFetch, err}
	}
	return fetched, <-verified
}

// greet makes sure that a restored process is ready, and lets it know that it
// was restored. It listens from the first moment on, if it ever did, so that to
// connect only to see that costs a start more than it tells.
func (m *Manager) greet(ctx context.Context, p *process.Process) Failure {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	err := m.Hooks.afterRestore(ctx, m.conns)
	if m.Hooks.After == "" || refused(err) {
		if err := m.awaitReady(ctx, p); err != nil {
			return Failure{codeNotReady, err}
		}
		err = m.Hooks.afterRestore(ctx, m.conns)
	}
	if err != nil {
		return Failure{codeHook, err}
	}
	if err := m.askReady(ctx); err != nil {
		return Failure{codeNotReady, err}
	}
	return Failure{}
}

// refused reports whether nobody listened.
func refused(err error) bool {
	var dial *net.OpError
	return errors.As(err, &dial) && dial.Op == "dial"
}

// fetch brings the image into dir, unless the cache has it as it is.
func (m *Manager) fetch(ctx context.Context, l *life, r *agent.Restore, dir string) (snapshot.Fetched, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	begin := time.Now()
	fetched, err := m.Images.Fetch(ctx, snapshot.FetchRequest{
		ManifestURL: r.ManifestURL, ManifestSHA256: r.ManifestSHA256, PackURLs: r.PackURLs(),
		Dir: dir, Cache: m.Cache, Keys: m.Keys,
	})
	l.record.FetchMS = milliseconds(time.Since(begin))
	m.noteFetched(l, fetched)
	manifest := fetched.Manifest
	switch {
	case err != nil:
		return fetched, err
	case manifest.Function != m.Function || manifest.ID != r.Snapshot:
		return fetched, fmt.Errorf("%w: the manifest is of snapshot %s of %s, want %s of %s", snapshot.ErrCorrupt, manifest.ID, manifest.Function, r.Snapshot, m.Function)
	case manifest.Platform != m.Platform:
		return fetched, fmt.Errorf("%w: the snapshot was taken on %s, this is %s", snapshot.ErrCorrupt, manifest.Platform, m.Platform)
	}
	return fetched, nil
}

func (m *Manager) noteFetched(l *life, f snapshot.Fetched) {
	l.record.BytesDownloaded += f.Moved
	l.record.BytesCached += f.FromCache
	l.record.DownloadMS, l.record.AssembleMS = milliseconds(f.DownloadTime), milliseconds(f.AssembleTime)
	m.metrics.Bytes.WithLabelValues("down").Add(float64(f.Moved))
	m.metrics.Bytes.WithLabelValues("cached").Add(float64(f.FromCache))
	m.metrics.ObserveStep("download", f.DownloadTime)
	m.metrics.ObserveStep("assemble", f.AssembleTime)
}
