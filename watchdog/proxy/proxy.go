// Package proxy passes requests on to the function's process and its answers
// back, in the way of upstream's http mode.
package proxy

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

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

// Proxy is the handler of all requests for the function.
type Proxy struct {
	settings Settings
	reverse  *httputil.ReverseProxy
	idle     *upstream.Transport
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
	base := upstream.New(upstream.Settings{
		Addr: Address(s.Upstream), DialTimeout: dialTimeout, IdleTimeout: idleTimeout, MaxIdle: maxIdle,
	})
	p := &Proxy{settings: s, idle: base}
	p.reverse = &httputil.ReverseProxy{
		Rewrite:        p.rewrite,
		ModifyResponse: modifyResponse(s.Headers),
		ErrorHandler:   answerError,
		ErrorLog:       s.Log.Lines,
		BufferPool:     newBuffers(),
		Transport:      &transport{gate: g, base: base, observe: observe, retries: m.Retries, patience: s.ExecTimeout},
	}
	return p
}

// CloseIdle closes the connections to the function that no request uses.
func (p *Proxy) CloseIdle() { p.idle.CloseIdle() }

// Drain does so and returns when the function has closed its side of them, too,
// or when ctx ends.
func (p *Proxy) Drain(ctx context.Context) error { return p.idle.Drain(ctx) }

func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.reserved(r.URL.Path) {
		http.Error(w, "this path is the watchdog's own", http.StatusForbidden)
		return
	}
	ctx, info := withInfo(r.Context())
	if limit := p.limit(r); limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, errExecTimeout)
		defer cancel()
	}
	r = r.WithContext(ctx)
	defer p.logRequest(r, info) // also when the answer is cut, which is a panic
	if err := p.buffer(r); err != nil {
		answerError(w, r, err)
		return
	}
	if r.ContentLength != 0 {
		// Otherwise the server would throw away what is left of the request's
		// body when the answer begins. HTTP/2 is so by itself, and says it cannot.
		_ = http.NewResponseController(w).EnableFullDuplex()
	}
	p.reverse.ServeHTTP(w, r)
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

// buffer reads the body, if that is asked for. The function then gets it with
// its length.
func (p *Proxy) buffer(r *http.Request) error {
	if !p.settings.BufferBody || r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return &bodyError{err}
	}
	r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	return nil
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

// rewrite points the request at the function. What proxies before us said
// about the client stays.
func (p *Proxy) rewrite(r *httputil.ProxyRequest) {
	r.Out.URL.Scheme = p.settings.Upstream.Scheme
	r.Out.URL.Host = p.settings.Upstream.Host
	if base := strings.TrimRight(p.settings.Upstream.Path, "/"); base != "" {
		r.Out.URL.Path = base + r.Out.URL.Path
		if r.Out.URL.RawPath != "" {
			r.Out.URL.RawPath = base + r.Out.URL.RawPath
		}
	}
	r.Out.URL.RawQuery = r.In.URL.RawQuery
	r.Out.Host = r.In.Host
	r.Out.Trailer = r.In.Trailer // gets its values when the body is at its end
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if values, ok := r.In.Header[name]; ok {
			r.Out.Header[name] = values
		}
	}
}

func modifyResponse(headers bool) func(*http.Response) error {
	return func(resp *http.Response) error {
		info := infoFrom(resp.Request.Context())
		if info == nil {
			return nil
		}
		info.status, info.length = resp.StatusCode, resp.ContentLength
		resp.Header.Set("X-Duration-Seconds", info.elapsed())
		if headers {
			resp.Header.Set("X-Pronghorn-Lifetime", info.pass.Lifetime.ID)
			resp.Header.Set("X-Pronghorn-Request-Number", strconv.Itoa(info.pass.Number))
			resp.Header.Set("X-Pronghorn-Wait-Us", strconv.FormatInt(info.waited.Microseconds(), 10))
		}
		return nil
	}
}

// answerError answers a request that the function could not.
func answerError(w http.ResponseWriter, r *http.Request, err error) {
	status := statusOf(r, err)
	if info := infoFrom(r.Context()); info != nil {
		info.status, info.length, info.err = status, 0, err
		w.Header().Set("X-Duration-Seconds", info.elapsed())
	}
	w.Header().Set("X-OpenFaaS-Internal", "of-watchdog")
	w.WriteHeader(status)
}

func (p *Proxy) logRequest(r *http.Request, info *info) {
	status := strconv.Itoa(info.status) + " " + http.StatusText(info.status)
	p.settings.Log.Add(r, access.Request{Status: status, Length: info.length, Took: time.Since(info.start), Err: reasonOf(r, info.err)})
}
