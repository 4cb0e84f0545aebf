// Package proxy passes requests on to the function's process and its answers
// back, in the way of upstream's http mode.
package proxy

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pronghorn-faas/pronghorn/watchdog/access"
	"github.com/pronghorn-faas/pronghorn/watchdog/gate"
	"github.com/pronghorn-faas/pronghorn/watchdog/metrics"
	"github.com/pronghorn-faas/pronghorn/watchdog/timeout"
	"github.com/pronghorn-faas/pronghorn/watchdog/upstream"
)

// Settings of a proxy.
type Settings struct {
	// Upstream is where the function listens.
	Upstream *url.URL
	// ExecTimeout bounds a request, waiting for the process included; 0 = none.
	ExecTimeout time.Duration
	// Headers adds X-Pronghorn-… headers to the answers.
	Headers bool
	// Reserved are paths of the function that outsiders cannot call.
	Reserved []string
	// BufferBody reads a request's body to its end before the function gets it.
	BufferBody bool
	// Log receives one line a request.
	Log access.Log
}

// Observe is told of every answered request: the pass, the time from handing
// the request to the function until the end of its answer, and the status.
type Observe func(p gate.Pass, latency time.Duration, status int)

// Proxy is the handler of all requests for the function.
type Proxy struct {
	settings Settings
	base     string // path of the function's URL, without a slash at its end
	gate     *gate.Gate
	function *upstream.Transport
	buffers  *buffers
	observe  Observe
	retries  prometheus.Counter
}

// Connections to the function. They idle for less time than any server that we
// know keeps them: one that the server closes just as it is used again costs a
// request that cannot be repeated.
const (
	dialTimeout = 3 * time.Second
	idleTimeout = time.Second
	maxIdle     = 100
)

// Address is the host and port of a function's URL.
func Address(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), "80")
}

// New returns a proxy that hands requests through g.
func New(s Settings, g *gate.Gate, observe Observe, m *metrics.Metrics) *Proxy {
	return &Proxy{
		settings: s, base: strings.TrimRight(s.Upstream.Path, "/"),
		gate: g, observe: observe, retries: m.Retries, buffers: newBuffers(),
		function: upstream.New(upstream.Settings{
			Addr: Address(s.Upstream), DialTimeout: dialTimeout, IdleTimeout: idleTimeout, MaxIdle: maxIdle,
		}),
	}
}

// RoundTrip sends a request of the watchdog's own to the function, past the gate.
func (p *Proxy) RoundTrip(r *http.Request) (*http.Response, error) { return p.function.RoundTrip(r) }

// CloseIdle closes the connections to the function that no request uses.
func (p *Proxy) CloseIdle() { p.function.CloseIdle() }

// Drain does so and returns when the function has closed its side of them, too,
// or when ctx ends.
func (p *Proxy) Drain(ctx context.Context) error { return p.function.Drain(ctx) }

func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.reserved(r.URL.Path) {
		http.Error(w, "this path is the watchdog's own", http.StatusForbidden)
		return
	}
	c := newCall(p, w, r)
	c.run()
	c.settle()
}

// limit is how long the request may take; 0 = any time. One that streams, or
// switches to another protocol, takes as long as it takes.
func (p *Proxy) limit(r *http.Request) time.Duration {
	if streams(r) {
		return 0
	}
	return timeout.FromHeader(r.Header, p.settings.ExecTimeout)
}

// streams reports whether the client asks for an answer without an end.
func streams(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket") ||
		strings.Contains(accept, "text/event-stream") || strings.Contains(accept, "application/x-ndjson")
}

// reserved compares cleaned paths, since servers differ in which paths are the
// same to them.
func (p *Proxy) reserved(requested string) bool {
	if len(p.settings.Reserved) == 0 {
		return false
	}
	requested = path.Clean(requested)
	return slices.ContainsFunc(p.settings.Reserved, func(r string) bool { return path.Clean(r) == requested })
}

// mark adds the watchdog's own headers to an answer of the function.
func (p *Proxy) mark(c *call, h http.Header) {
	h.Set("X-Duration-Seconds", c.elapsed())
	if p.settings.Headers {
		h.Set("X-Pronghorn-Lifetime", c.pass.Lifetime.ID)
		h.Set("X-Pronghorn-Request-Number", strconv.Itoa(c.pass.Number))
		h.Set("X-Pronghorn-Wait-Us", strconv.FormatInt(c.waited.Microseconds(), 10))
	}
}
