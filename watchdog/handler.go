package watchdog

import (
	"fmt"
	"net/http"
	"os"
)

// handler serves the watchdog's own paths and hands the rest to the function.
func (w *Watchdog) handler() http.Handler {
	function := w.metrics.Instrument(w.limited(w.function))
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/_/health":
			w.serveHealth(rw, r)
		case "/_/ready":
			w.serveReady(rw, r)
		default:
			function.ServeHTTP(rw, r)
		}
	})
}

// serveHealth answers whether requests are accepted. It does not look at the
// function: while that boots or is restored, requests wait, and a platform
// that saw a failing health check would kill the container.
func (w *Watchdog) serveHealth(rw http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodGet:
		rw.WriteHeader(http.StatusMethodNotAllowed)
	case !w.accepting():
		rw.WriteHeader(http.StatusServiceUnavailable)
	default:
		_, _ = rw.Write([]byte("OK"))
	}
}

// accepting reports whether the watchdog serves and its lock file is there.
// Where the watchdog writes none (suppress_lock), the function can, as soon as
// it thinks itself healthy.
func (w *Watchdog) accepting() bool {
	if !w.serving.Load() {
		return false
	}
	_, err := os.Stat(w.config.LockFile)
	return err == nil
}

// serveReady answers whether another request would be served now.
func (w *Watchdog) serveReady(rw http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodGet:
		rw.WriteHeader(http.StatusMethodNotAllowed)
	case !w.accepting():
		rw.WriteHeader(http.StatusServiceUnavailable)
	case w.limiter.full():
		rw.WriteHeader(http.StatusTooManyRequests)
	case w.ready != nil:
		w.ready.ServeHTTP(rw, r)
	}
}

// limiter bounds the requests served at once; the nil limiter does not.
type limiter chan struct{}

func newLimiter(n int) limiter {
	if n <= 0 {
		return nil
	}
	return make(limiter, n)
}

func (l limiter) full() bool { return l != nil && len(l) == cap(l) }

// limited answers 429 to requests beyond max_inflight.
func (w *Watchdog) limited(next http.Handler) http.Handler {
	if w.limiter == nil {
		return next
	}
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		select {
		case w.limiter <- struct{}{}:
			defer func() { <-w.limiter }()
			next.ServeHTTP(rw, r)
		default:
			rw.Header().Set("X-OpenFaaS-Internal", "faas-middleware")
			http.Error(rw, fmt.Sprintf("Concurrent request limit exceeded. Max concurrent requests: %d", cap(w.limiter)), http.StatusTooManyRequests)
		}
	})
}
