// Package server is the policy agent (paper, section 4: the "orchestrator"):
// it plans the lifetimes of workers, keeps the snapshot pool within its
// capacity, hands out URLs for single objects of the pool, and shows what it
// decided and why. docs/agent-api.md describes the service.
//
// All that must survive is in the kvstore.Store and the snapshot.Pool, so any
// number of agents may work on them at once. An agent itself remembers only
// what is convenient: recent plans (so that a repeated request gets the same
// one), recent records, and the strategy that a function used last.
package server

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/policy"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

const (
	// answerWithin bounds what one request may wait for store and pool: a
	// worker that waits for its plan is not serving.
	answerWithin = 3 * time.Second
	// maxBody bounds a request's JSON, in bytes; real ones have a few hundred,
	// or some KB when they name many packs.
	maxBody = 256 << 10
)

// Server is one policy agent.
type Server struct {
	cfg      Config
	standard policy.Strategy // of functions that name none
	signer   signer          // for the URLs of objects that the agent serves
	presign  snapshot.Presigner
	memory   *memory
	metrics  *metrics
	started  time.Time
	examined *examined
	report   func(Chore)  // is told what upkeep does
	poolAway *atomic.Bool // while Run cannot make the pool's bucket
}

// New returns an agent. It is an error if the configuration is incomplete or
// contradicts itself; nothing is started yet.
func New(cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	standard, err := cfg.check()
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg:      cfg,
		standard: standard,
		signer:   newSigner(cfg.Auth, cfg.Now),
		memory:   newMemory(cfg.Now),
		metrics:  newMetrics(),
		started:  cfg.Now(),
		examined: newExamined(),
		report:   func(Chore) {},
		poolAway: &atomic.Bool{},
	}
	s.presign = s.signer
	if p, ok := cfg.Pool.(snapshot.Presigner); ok {
		s.presign = p
	}
	return s, nil
}

// Handler returns the service: the API, the page, health and metrics.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range s.answers() {
		mux.Handle(pattern, s.metrics.routes.Instrument(pattern, s.bounded(h)))
	}
	for pattern, h := range s.transfers() {
		mux.Handle(pattern, s.metrics.routes.Instrument(pattern, s.withStatus(h)))
	}
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{}))
	return httpx.JSONErrors(mux)
}

// answers are the routes that are bounded in time.
func (s *Server) answers() map[string]httpx.Handler {
	return map[string]httpx.Handler{
		"GET /{$}":     s.page,
		"GET /healthz": s.health,

		"GET /v1/functions":                              s.operator(s.functions),
		"GET /v1/functions/{fn}":                         s.function(s.status),
		"POST /v1/functions/{fn}/lifetimes":              s.function(s.startLifetime),
		"POST /v1/functions/{fn}/lifetimes/{id}/end":     s.function(s.endLifetime),
		"POST /v1/functions/{fn}/uploads":                s.function(s.upload),
		"POST /v1/functions/{fn}/snapshots":              s.function(s.register),
		"POST /v1/functions/{fn}/snapshots/{id}/failure": s.function(s.failSnapshot),
		"DELETE /v1/functions/{fn}/snapshots/{id}":       s.operator(s.removeSnapshot),
	}
}

// transfers are the routes that move objects, which takes as long as it takes.
func (s *Server) transfers() map[string]httpx.Handler {
	return map[string]httpx.Handler{
		"GET /v1/objects/{key...}": s.getObject,
		"PUT /v1/objects/{key...}": s.putObject,
	}
}

// operator lets only the operator in.
func (s *Server) operator(h httpx.Handler) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := s.cfg.Auth.Operator(r); err != nil {
			return err
		}
		return h(w, r)
	}
}

// function lets the operator and the function of the path in.
func (s *Server) function(h httpx.Handler) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		fn := r.PathValue("fn")
		if err := s.cfg.Auth.Function(r, fn); err != nil {
			return err
		}
		if err := checkName("function", fn); err != nil {
			return err
		}
		return h(w, r)
	}
}
