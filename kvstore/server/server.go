// Package server is the KV service: a kvstore.Store over HTTP, with the
// project's own API and that of the published artifact. Both are described in
// docs/kv-api.md.
package server

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/kvstore"
)

type server struct {
	store   kvstore.Store
	auth    httpx.Auth
	metrics *metrics
}

// New returns the service over a store. When auth is enabled, everything but
// /healthz and /metrics needs the operator's token, and reporting samples that
// or the token of the function whose samples they are.
func New(store kvstore.Store, auth httpx.Auth) http.Handler {
	s := &server{store: store, auth: auth, metrics: newMetrics()}
	mux := http.NewServeMux()
	for pattern, h := range s.routes() {
		mux.Handle(pattern, s.metrics.routes.Instrument(pattern, withStatus(h)))
	}
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{}))
	return httpx.JSONErrors(mux)
}

func (s *server) routes() map[string]httpx.Handler {
	return map[string]httpx.Handler{
		"GET /healthz": s.health,

		"GET /v1/functions":         s.operator(s.functions),
		"GET /v1/functions/{fn}":    s.operator(s.state),
		"DELETE /v1/functions/{fn}": s.operator(s.deleteFunction),

		"PUT /v1/functions/{fn}/params":                 s.operator(s.setParams),
		"POST /v1/functions/{fn}/samples":               s.function(s.addSamples),
		"POST /v1/functions/{fn}/reservations":          s.operator(s.reserve),
		"POST /v1/functions/{fn}/entries":               s.operator(s.addEntry),
		"POST /v1/functions/{fn}/entries/remove":        s.operator(s.removeEntries),
		"POST /v1/functions/{fn}/entries/{id}/failures": s.operator(s.failEntry),
		"PUT /v1/functions/{fn}/entries/{id}":           s.operator(s.replaceEntry),
		"POST /v1/functions/{fn}/entries/{id}/condemn":  s.operator(s.condemnEntry),
		"DELETE /v1/functions/{fn}/entries/{id}":        s.operator(s.purgeEntry),

		"GET /read/{key}":   s.operator(s.readDocument),
		"POST /write/{key}": s.operator(s.writeDocument),
		"GET /delete/{key}": s.operator(s.deleteDocument),
	}
}

// operator lets only the operator in.
func (s *server) operator(h httpx.Handler) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := s.auth.Operator(r); err != nil {
			return err
		}
		return h(w, r)
	}
}

// function lets the operator and the function of the path in.
func (s *server) function(h httpx.Handler) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := s.auth.Function(r, r.PathValue("fn")); err != nil {
			return err
		}
		return h(w, r)
	}
}
