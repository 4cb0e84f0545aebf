// Command standin is a plain watchdog to compare ours with where upstream's is
// not at hand. It does per request what upstream is known to do, in the way of
// net/http, and nothing else. It is not upstream, and its figures say so.
package main

import (
	"context"
	"errors"
	"io"
	"log"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// errRedirect keeps the client from following redirects.
var errRedirect = http.ErrUseLastResponse

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	upstream, err := url.Parse(os.Getenv("upstream_url"))
	if err != nil {
		return err
	}
	if err := fork(ctx, strings.Split(os.Getenv("fprocess"), " ")); err != nil {
		return err
	}
	timeout, err := time.ParseDuration(os.Getenv("exec_timeout"))
	if err != nil {
		return err
	}
	failed := make(chan error, 2)
	go func() { failed <- serve(":8081", promhttp.Handler()) }()
	go func() { failed <- serve(":"+os.Getenv("port"), routes(measured(proxy(upstream, timeout)))) }()
	if err := os.WriteFile(lockFile(), nil, 0o660); err != nil {
		return err
	}
	return <-failed
}

func lockFile() string { return filepath.Join(os.Getenv("TMPDIR"), ".lock") }

func fork(ctx context.Context, args []string) error {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Start()
}

func serve(addr string, h http.Handler) error {
	s := &http.Server{Addr: addr, Handler: h, ReadTimeout: time.Minute, WriteTimeout: time.Minute}
	return s.ListenAndServe()
}

func routes(function http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/_/health", func(w http.ResponseWriter, _ *http.Request) {
		if _, err := os.Stat(lockFile()); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "OK")
	})
	mux.Handle("/", function)
	return mux
}

func measured(next http.Handler) http.Handler {
	requests := promauto.NewCounterVec(prometheus.CounterOpts{Name: "http_requests_total", Help: "Requests."}, []string{"code", "method"})
	seconds := promauto.NewHistogramVec(prometheus.HistogramOpts{Name: "http_request_duration_seconds", Help: "Seconds.", Buckets: prometheus.DefBuckets}, []string{"code", "method"})
	inFlight := promauto.NewGauge(prometheus.GaugeOpts{Name: "http_requests_in_flight", Help: "Requests now."})
	return promhttp.InstrumentHandlerInFlight(inFlight, promhttp.InstrumentHandlerDuration(seconds, promhttp.InstrumentHandlerCounter(requests, next)))
}

func proxy(upstream *url.URL, timeout time.Duration) http.Handler {
	client := &http.Client{
		Transport:     &http.Transport{MaxIdleConns: 100, MaxIdleConnsPerHost: 100, IdleConnTimeout: 500 * time.Millisecond},
		CheckRedirect: func(*http.Request, []*http.Request) error { return errRedirect },
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		ctx, cancel := context.WithTimeout(r.Context(), timeout)
		defer cancel()
		status, length, err := pass(ctx, client, upstream, w, r, start)
		if err != nil {
			log.Print(err)
		}
		log.Printf("%s %s - %d %s - ContentLength: %sB (%.4fs)", r.Method, r.RequestURI, status, http.StatusText(status), strconv.FormatInt(length, 10), time.Since(start).Seconds())
	})
}

// pass sends the request on, its body in chunks, and copies the answer.
func pass(ctx context.Context, client *http.Client, upstream *url.URL, w http.ResponseWriter, r *http.Request, start time.Time) (status int, length int64, err error) {
	out, err := http.NewRequestWithContext(ctx, r.Method, upstream.String()+r.RequestURI, outgoing(r))
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return http.StatusInternalServerError, 0, err
	}
	maps.Copy(out.Header, r.Header)
	out.Host = r.Host
	resp, err := client.Do(out)
	w.Header().Set("X-Duration-Seconds", strconv.FormatFloat(time.Since(start).Seconds(), 'f', 6, 64))
	if err != nil {
		status = http.StatusInternalServerError
		if errors.Is(err, context.DeadlineExceeded) {
			status = http.StatusGatewayTimeout
		}
		w.WriteHeader(status)
		return status, 0, err
	}
	defer resp.Body.Close()
	maps.Copy(w.Header(), resp.Header)
	w.WriteHeader(resp.StatusCode)
	_, err = io.Copy(w, resp.Body)
	return resp.StatusCode, resp.ContentLength, err
}

// outgoing is the request's body, whose length is not known to the client.
func outgoing(r *http.Request) io.Reader {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return nil
	}
	return io.NopCloser(r.Body)
}
