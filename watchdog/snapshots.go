package watchdog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/snapshot/criu"
	"github.com/pronghorn-faas/pronghorn/snapshot/userfault"
	"github.com/pronghorn-faas/pronghorn/watchdog/config"
	"github.com/pronghorn-faas/pronghorn/watchdog/lifetime"
	"github.com/pronghorn-faas/pronghorn/watchdog/process"
	"github.com/pronghorn-faas/pronghorn/watchdog/proxy"
	"github.com/pronghorn-faas/pronghorn/watchdog/report"
)

// stopGrace is how long the function has between SIGTERM and SIGKILL.
const stopGrace = 5 * time.Second

// criuCheckTimeout bounds the question whether CRIU works here.
const criuCheckTimeout = 5 * time.Second

// lifetimeSettings are the manager's settings for this function.
func (w *Watchdog) lifetimeSettings(ctx context.Context, out process.Output) (lifetime.Settings, error) {
	c := w.config
	s := lifetime.Settings{
		Command: process.Command{Args: c.Process, Env: c.Environment, PID: c.Snapshot.PID, Log: w.lines},
		Address: proxy.Address(c.UpstreamURL),
		Output:  out,
		Stop:    stopGrace,
	}
	if !c.Snapshot.Enabled() {
		return s, nil
	}
	client, err := agent.NewClient(c.Snapshot.AgentURL, c.Snapshot.Token, c.Snapshot.Function)
	if err != nil {
		return s, fmt.Errorf("snapshot_agent_url: %w", err)
	}
	s.Agent = client
	return s, w.addSnapshots(ctx, &s)
}

// addSnapshots adds what hot starts need. Missing rights are found out about
// while the function already starts, mistakes in the settings are errors.
func (w *Watchdog) addSnapshots(ctx context.Context, s *lifetime.Settings) error {
	c := w.config.Snapshot
	images := snapshot.NewTransfer(nil)
	images.Faults = c.Faults
	s.Images, s.Faults, s.SeedDir = images, c.Faults, c.CacheDir
	s.Function, s.Strategy, s.Eviction, s.Evict = c.Function, c.Strategy, c.Eviction, c.Evict
	s.Dir, s.MaxPause, s.MaxMemory = c.Dir, c.MaxPause, c.MaxMemory
	if !criu.InHostPIDs() { // where it ends with the container
		useHugePages(s.Dir)
	}
	s.Lazy, s.LazyMin = c.Lazy && userfault.Available() == nil, c.LazyMin
	s.Hooks = lifetime.Hooks{Base: "http://" + s.Address, Before: c.HookBefore, After: c.HookAfter}
	s.ReadyURL = readyURL(s.Address, w.config.ReadyPath)
	s.Runtime = runtimeOf(w.config.Process)
	if err := w.addStorage(s); err != nil {
		return err
	}
	bin, missing := criu.Find(c.CRIU)
	var err error
	if s.Platform, err = platformKey(s.Runtime, bin.Mode(), w.config.Process, w.config.Environment); err != nil {
		s.Platform = "unknown"
	}
	engine := criu.NewEngine(bin)
	works := lifetime.NewCRIU(engine)
	s.Engine = works
	pids := &criu.PIDs{}
	s.PIDs = pids
	s.Support = lifetime.NewSupport(func() (string, bool, error) {
		if err := errors.Join(err, missing); err != nil {
			return "", false, w.noteMode("", "", err)
		}
		mode, seeded, err := w.probe(ctx, engine)
		works.Use(engine.In(mode))
		if err != nil {
			return "", false, w.noteMode("", "", err)
		}
		way, err := pids.Choose()
		go pids.Approach(c.PID) //nolint:errcheck // the start comes upon the same error
		return mode.String(), seeded, w.noteMode(mode.String(), way, err)
	}, func(ctx context.Context) error { return w.verify(ctx, works.Engine()) })
	return nil
}

// addStorage opens the keys and the cache. Without a cache that was asked for
// the function is only slower, but without keys its memory would be stored for
// everybody to read.
func (w *Watchdog) addStorage(s *lifetime.Settings) error {
	c := w.config.Snapshot
	var err error
	if c.KeyFile != "" {
		if s.Keys, err = snapshot.ReadKeyring(c.KeyFile); err != nil {
			return fmt.Errorf("snapshot_key_file: %w", err)
		}
	}
	if c.CacheDir == "" {
		return nil
	}
	if s.Cache, err = snapshot.NewCache(c.CacheDir, c.CacheBytes); err != nil {
		w.log.Warn("going on without a cache", "snapshot_cache_dir", c.CacheDir, "reason", err)
	}
	return nil
}

// probe finds out whether and how CRIU may be used here. If what CRIU keeps of
// the kernel is on this node already, its calls are quick from the first on: it is
// seeded.
func (w *Watchdog) probe(ctx context.Context, e *criu.Engine) (mode criu.Mode, seeded bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, criuCheckTimeout)
	defer cancel()
	if mode, err = e.Probe(ctx); err != nil {
		return mode, false, err
	}
	return mode, e.In(mode).SeedFrom(w.config.Snapshot.CacheDir), nil
}

// verify finds out whether CRIU works here, and makes its calls quick.
func (w *Watchdog) verify(ctx context.Context, e *criu.Engine) error {
	ctx, cancel := context.WithTimeout(ctx, criuCheckTimeout)
	defer cancel()
	err := e.Seed(ctx, w.config.Snapshot.CacheDir)
	switch {
	case err == nil || ctx.Err() != nil:
		return nil
	case errors.Is(err, criu.ErrUnavailable):
		return w.noteMode("", "", err)
	}
	w.log.Warn("every dump and restore takes some 30 ms longer: CRIU's cache cannot be made", "reason", err)
	return nil
}

// noteMode says in which mode snapshots are possible, and how process ids are
// chosen.
func (w *Watchdog) noteMode(mode string, pids criu.Way, err error) error {
	w.metrics.Mode.Reset()
	if err != nil {
		w.metrics.Mode.WithLabelValues("off", "").Set(1)
		w.log.Warn("snapshots are not possible here, the function starts cold", "reason", err)
		return err
	}
	w.metrics.Mode.WithLabelValues(mode, string(pids)).Set(1)
	w.log.Info("snapshots are possible", "mode", mode, "process_ids", pids)
	return nil
}

// readyURL is what says after a restore that the function is ready; "" = that
// it accepts connections is enough.
func readyURL(address, path string) string {
	if path == "" {
		return ""
	}
	return "http://" + address + "/" + strings.TrimPrefix(path, "/")
}

// platformKey is the key of this machine, of what we may do on it, and of the
// function's build.
func platformKey(runtime string, mode criu.Mode, args, environment []string) (string, error) {
	identity, err := programIdentity(args, environment)
	if err != nil {
		return "", fmt.Errorf("identify the function's program: %w", err)
	}
	return snapshot.PlatformKey(strings.Join([]string{runtime, mode.String(), identity}, "-"))
}

// runtimeOf guesses the runtime from the program's name.
func runtimeOf(args []string) string {
	name := filepath.Base(args[0])
	for prefix, runtime := range map[string]string{"pypy": "pypy", "java": "jvm", "node": "node"} {
		if strings.HasPrefix(name, prefix) {
			return runtime
		}
	}
	return "other"
}

// kvReporter tells the reporter of the KV service that a plan names, unless
// the settings name one.
type kvReporter struct {
	*report.Reporter
	settings config.Snapshot
	log      *slog.Logger
	// url of the service in use; each client keeps connections of its own.
	url string
}

// UseKV makes latencies go to the service at url.
func (r *kvReporter) UseKV(url string) {
	if r.settings.KVURL != "" {
		url = r.settings.KVURL
	}
	if url == "" || url == r.url {
		return
	}
	client, err := kvstore.NewClient(url, r.settings.Token)
	if err != nil {
		r.log.Warn("latencies cannot be reported: the plan names no KV service that can be used", "reason", err)
		return
	}
	r.url = url
	r.SetSink(client)
}

func hookPaths(s config.Snapshot) []string {
	var paths []string
	for _, p := range []string{s.HookBefore, s.HookAfter} {
		if p != "" {
			paths = append(paths, p)
		}
	}
	return paths
}
