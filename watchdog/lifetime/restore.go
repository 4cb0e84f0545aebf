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
	fetching, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	fetched, why := m.revive(ctx, fetching, l, r, dir)
	if fetched.Dir != dir { // there is no image, or the cache has it
		_ = os.RemoveAll(dir)
	}
	if !why.None() {
		fetched.Pages.Close()
		_ = os.RemoveAll(fetched.Dir) // a staging directory
		return why
	}
	l.record.Start, l.record.Snapshot, l.record.RequestNumber = agent.Restored, r.Snapshot, fetched.Manifest.RequestNumber
	l.record.Mode = m.mode()
	m.keepOrRemove(ctx, l, r.ManifestSHA256, fetched)
	return Failure{}
}

// keepOrRemove has the image for as long as the process may need its pages, a
// checkpoint of this lifetime may share pages with it, and until it is in the
// node's cache.
func (m *Manager) keepOrRemove(ctx context.Context, l *life, manifestSHA256 string, f snapshot.Fetched) {
	image := &completion{done: make(chan struct{})}
	if l.plan.CheckpointAt > f.Manifest.RequestNumber && !m.noCheckpoints {
		if l.base = m.remembered(manifestSHA256); l.base == nil {
			l.base = m.keepBase(ctx, f, image)
		}
	}
	wanted := l.base.wanted() || m.Cache.Wants(f)
	m.background.Go(func() {
		defer os.RemoveAll(f.Dir)
		defer f.Pages.Close()
		m.attend(l)
		if wanted {
			image.err = f.Complete(ctx)
		}
		close(image.done)
		m.keepImage(ctx, f)
		l.base.settle()
	})
}

// completion says when an image is there as a whole.
type completion struct {
	done chan struct{}
	err  error // once done
}

func (c *completion) wait(ctx context.Context) error {
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// revive turns a snapshot into a process that accepts requests. What is fetched
// is all there by then, though the process may not have all of it.
func (m *Manager) revive(ctx, fetching context.Context, l *life, r *agent.Restore, dir string) (snapshot.Fetched, Failure) {
	preparing := m.prepareRestore(ctx)
	fetched, why := m.fetchAndLearn(fetching, l, r, dir, preparing, m.later(l))
	restoring, err := preparing.wait()
	if why.None() && err == nil {
		l.memory, err = m.newMemory(l, fetched)
	}
	if why.None() && err != nil {
		why = Failure{codeRestore, err}
	}
	if !why.None() {
		if restoring != nil {
			_ = restoring.Close() // why is the reason
		}
		return fetched, why
	}
	m.step("restore: fetched")
	if why = m.run(ctx, l, restoring, fetched); why.None() {
		why = m.arrived(fetching, l, &fetched)
	}
	if !why.None() {
		if l.process != nil {
			l.process.Kill()
		}
		l.memory.end()
		l.process, l.memory = nil, nil
	}
	return fetched, why
}

// run restores the process and makes sure that it is ready.
func (m *Manager) run(ctx context.Context, l *life, restoring *process.Restoring, fetched snapshot.Fetched) Failure {
	begin := time.Now()
	defer func() { l.record.StartMS = milliseconds(time.Since(begin)) }()
	ctx, stop := l.memory.guard(ctx)
	defer stop()
	bounded, cancel := context.WithTimeout(ctx, restoreTimeout)
	defer cancel()
	p, err := restoring.Run(bounded, fetched.Dir, fetched.Manifest.Process, l.memoryLater())
	l.record.RestoreMS = milliseconds(time.Since(begin))
	m.metrics.ObserveStep("restore", time.Since(begin))
	if err != nil {
		return l.memory.reason(Failure{codeRestore, err})
	}
	m.step("restore: restored")
	l.process = p
	return l.memory.reason(m.greet(ctx, p))
}

// arrived waits until nothing of the image can be missing any more: no request
// is handed to a process before.
func (m *Manager) arrived(fetching context.Context, l *life, f *snapshot.Fetched) Failure {
	err := f.Arrived(fetching)
	m.noteFetched(l, *f)
	if err != nil {
		m.metrics.Errors.WithLabelValues("pool", "fetch").Inc()
		return Failure{codeFetch, err}
	}
	m.step("restore: arrived")
	return Failure{}
}

// fetchAndLearn fetches the image. Where CRIU's first call would have to find
// out about the kernel, and the image does not tell, it does so meanwhile.
func (m *Manager) fetchAndLearn(ctx context.Context, l *life, r *agent.Restore, dir string, preparing *preparingRestore, later snapshot.Later) (snapshot.Fetched, Failure) {
	ready, files := make(chan Failure, 1), make(chan string, 1)
	if m.Support.Quick() { // another goroutine might get the only CPU after 10 ms
		ready <- Failure{}
	} else {
		go func() {
			ready <- m.Support.Ready(ctx, func(ctx context.Context) error {
				restoring, err := preparing.wait()
				if err != nil {
					return err
				}
				return restoring.Learn(ctx, <-files, m.SeedDir)
			})
		}()
	}
	fetched, err := m.fetch(ctx, l, r, snapshot.FetchRequest{Dir: dir, Later: later, Files: func(dir string) { files <- dir }})
	close(files)   // if there are none, nobody waits for them
	why := <-ready // in any case: it uses what the caller is about to close
	if err != nil {
		m.noteFetched(l, fetched)
		m.metrics.Errors.WithLabelValues("pool", "fetch").Inc()
		return fetched, Failure{codeFetch, err}
	}
	return fetched, why
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

// fetch brings the image into the request's directory, unless the cache has it as
// it is.
func (m *Manager) fetch(ctx context.Context, l *life, r *agent.Restore, req snapshot.FetchRequest) (snapshot.Fetched, error) {
	begin := time.Now()
	req.ManifestURL, req.ManifestSHA256, req.PackURLs = r.ManifestURL, r.ManifestSHA256, r.PackURLs()
	req.Cache, req.Keys = m.Cache, m.Keys
	fetched, err := m.Images.Fetch(ctx, req)
	l.record.FetchMS = milliseconds(time.Since(begin))
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
