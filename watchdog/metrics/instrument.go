package metrics

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pronghorn-faas/pronghorn/internal/recorder"
)

// Instrument counts and times what next answers, answers that are cut included.
func (m *Metrics) Instrument(next http.Handler) http.Handler {
	kinds := &kinds{metrics: m, known: map[kind]series{}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, rec := time.Now(), recorder.New(w)
		m.InFlight.Inc()
		defer func() {
			m.InFlight.Dec()
			s := kinds.series(kind{rec.Status, methodLabel(r.Method)})
			s.requests.Inc()
			s.duration.Observe(time.Since(start).Seconds())
		}()
		next.ServeHTTP(rec, r)
	})
}

// kind is a kind of request, by its labels.
type kind struct {
	code   int
	method string
}

// series are the metrics of one kind.
type series struct {
	requests prometheus.Counter
	duration prometheus.Observer
}

// kinds remembers the metrics of each kind: to find them by their labels takes
// longer than to count.
type kinds struct {
	metrics *Metrics
	mu      sync.RWMutex
	known   map[kind]series
}

func (k *kinds) series(of kind) series {
	k.mu.RLock()
	s, ok := k.known[of]
	k.mu.RUnlock()
	if ok {
		return s
	}
	code := strconv.Itoa(of.code)
	s = series{k.metrics.Requests.WithLabelValues(code, of.method), k.metrics.Duration.WithLabelValues(code, of.method)}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known[of] = s
	return s
}

// methodLabel is the method in lower case; those that clients make up share
// one label, so that they cannot make up metrics without end.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet:
		return "get"
	case http.MethodPost:
		return "post"
	case http.MethodHead, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return strings.ToLower(method)
	}
	return "unknown"
}
