package watchdog

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/pronghorn-faas/pronghorn/watchdog/config"
	"github.com/pronghorn-faas/pronghorn/watchdog/fork"
	"github.com/pronghorn-faas/pronghorn/watchdog/gate"
	"github.com/pronghorn-faas/pronghorn/watchdog/jwtauth"
	"github.com/pronghorn-faas/pronghorn/watchdog/lifetime"
	"github.com/pronghorn-faas/pronghorn/watchdog/process"
	"github.com/pronghorn-faas/pronghorn/watchdog/proxy"
	"github.com/pronghorn-faas/pronghorn/watchdog/report"
)

// setMode sets what answers the requests.
func (w *Watchdog) setMode(ctx context.Context, out process.Output) error {
	switch w.config.Mode {
	case config.ModeHTTP:
		return w.setHTTP(ctx, out)
	case config.ModeStreaming:
		w.function = fork.Streaming(w.forkSettings(out))
	case config.ModeSerializing:
		w.function = fork.Serializing(w.forkSettings(out))
	case config.ModeStatic:
		w.function = fork.Static(w.config.StaticPath, w.access())
	case config.ModeInProcess:
		return errors.New("mode inproc: the handler is part of the program: this one has none")
	default:
		return fmt.Errorf("mode %q: unknown", w.config.Mode)
	}
	w.setReady(w.function)
	return nil
}

func (w *Watchdog) forkSettings(out process.Output) fork.Settings {
	return fork.Settings{
		Command: w.config.Process, Environment: w.config.Environment, ExecTimeout: w.config.ExecTimeout,
		ContentType: w.config.ContentType, Output: out, Log: w.access(),
	}
}

// setHTTP puts a proxy with a gate in front of a process with lifetimes.
func (w *Watchdog) setHTTP(ctx context.Context, out process.Output) error {
	c, g := w.config, &gate.Gate{}
	reporter := report.New(c.Snapshot.Function, w.metrics, w.log)
	var m *lifetime.Manager
	p := proxy.New(proxy.Settings{
		Upstream: c.UpstreamURL, ExecTimeout: c.ExecTimeout, BufferBody: c.BufferBody,
		Headers: c.Snapshot.Headers, Reserved: hookPaths(c.Snapshot), Log: w.access(),
	}, g, w.observe(reporter, func() { m.NoteResponse() }), w.metrics)
	settings, err := w.lifetimeSettings(ctx, out)
	if err != nil {
		return err
	}
	m = lifetime.New(settings, g, p, &kvReporter{Reporter: reporter, settings: c.Snapshot, log: w.log}, w.metrics, w.log)
	w.function = p
	w.setReady(p)
	w.tasks = append(w.tasks, m.Run)
	if c.Snapshot.Enabled() {
		w.tasks = append(w.tasks, forever(reporter.Run))
	}
	return nil
}

// observe reports the latencies of answers that say something about how warm
// the function is: those of errors do not. It calls first at the end of the
// first answer of a lifetime.
func (w *Watchdog) observe(r *report.Reporter, first func()) proxy.Observe {
	if !w.config.Snapshot.Enabled() {
		return func(gate.Pass, time.Duration, int) {}
	}
	w.metrics.ShowRare()
	durations := w.metrics.NewRequestDurations()
	return func(p gate.Pass, latency time.Duration, status int) {
		if p.First() {
			first()
			w.metrics.ObserveFirst(p.Lifetime.Restored, p.Waited+latency)
		}
		if status/100 == 2 {
			r.Add(p.Lifetime.ID, p.Number, latency)
			durations.Observe(p.Lifetime.Restored, p.Number, latency)
		}
	}
}

// forever makes a task of what runs until its context ends.
func forever(run func(context.Context)) task {
	return func(ctx context.Context) error {
		run(ctx)
		return nil
	}
}

// setAuth puts JWT authentication in front of the function, if it is asked for.
func (w *Watchdog) setAuth(ctx context.Context) error {
	if !w.config.Auth.Enabled {
		return nil
	}
	s := jwtauth.Settings{GatewayURL: jwtauth.ClusterGateway, Debug: w.config.Auth.Debug, Log: w.log}
	if w.config.Auth.Local {
		s.GatewayURL = jwtauth.LocalGateway
	}
	if err := s.ReadEnvironment(os.Getenv); err != nil {
		return fmt.Errorf("jwt_auth: %w", err)
	}
	auth, err := jwtauth.New(ctx, s)
	if err != nil {
		return fmt.Errorf("jwt_auth: %w", err)
	}
	w.function = auth.Wrap(w.function)
	w.tasks = append(w.tasks, forever(auth.Run))
	return nil
}

// setReady makes /_/ready ask the function at ready_path. The question passes
// neither the limiter nor the authentication.
func (w *Watchdog) setReady(function http.Handler) {
	if w.config.ReadyPath == "" {
		return
	}
	w.ready = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		r.URL.Path, r.URL.RawPath, r.URL.RawQuery = w.config.ReadyPath, "", ""
		r.RequestURI = r.URL.RequestURI()
		if w.config.UpstreamURL != nil {
			r.Host = w.config.UpstreamURL.Host
		}
		function.ServeHTTP(rw, r)
	})
}
