// Command standin is a plain watchdog to compare ours with where upstream's is
// not at hand. It does per request what upstream is known to do, in the way of
// net/http, and nothing else: comments name what is known. It is not upstream,
// and its figures say so.
package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httputil"
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
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	go passOn(stdout, log.New(os.Stdout, "", log.LstdFlags), "stdout: ")
	go passOn(stderr, log.Default(), "stderr: ")
	return cmd.Start()
}

// maxLine is upstream's log_buffer_size.
const maxLine = 65536

// passOn passes on the function's lines with the time and the stream's name in
// front, as upstream does unless prefix_logs is off.
func passOn(from io.Reader, to *log.Logger, prefix string) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		to.Print(prefix, lines.Text())
	}
}

func serve(addr string, h http.Handler) error {
	s := &http.Server{Addr: addr, Handler: h, ReadTimeout: time.Minute, WriteTimeout: time.Minute}
	return s.ListenAndServe()
}

func routes(function http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/_/health", func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
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

// proxy is upstream's http mode. The client honours HTTP_PROXY, keeps up to
// 100 idle connections for 500 ms, and adds Accept-Encoding: gzip.
func proxy(upstream *url.URL, timeout time.Duration) http.Handler {
	client := &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, MaxIdleConns: 100, MaxIdleConnsPerHost: 100, IdleConnTimeout: 500 * time.Millisecond,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return errRedirect },
	}
	streaming := httputil.NewSingleHostReverseProxy(upstream)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		if streams(r) {
			streaming.ServeHTTP(w, r)
			log.Printf("%s %s - 200 - Bytes: 0B", r.Method, r.RequestURI)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), bound(r, timeout))
		defer cancel()
		status, length, err := pass(ctx, client, upstream, w, r, start)
		if err != nil {
			log.Print(err)
		}
		if strings.HasPrefix(r.UserAgent(), "kube-probe") {
			return // probes are not logged
		}
		log.Printf("%s %s - %d %s - ContentLength: %sB (%.4fs)", r.Method, r.RequestURI, status, http.StatusText(status), strconv.FormatInt(length, 10), time.Since(start).Seconds())
	})
}

// streams reports whether a request is for server-sent events, lines of JSON,
// or a WebSocket. Those go through httputil's proxy, without a timeout.
func streams(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	return strings.Contains(accept, "text/event-stream") || strings.Contains(accept, "application/x-ndjson") ||
		r.Header.Get("Upgrade") == "websocket"
}

// bound is X-Timeout, if it is at most exec_timeout, else that.
func bound(r *http.Request, timeout time.Duration) time.Duration {
	value := r.Header.Get("X-Timeout")
	if value == "" {
		return timeout
	}
	if asked, err := time.ParseDuration(value); err == nil && asked <= timeout {
		return asked
	}
	return timeout
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
		w.Header().Set("X-OpenFaaS-Internal", "of-watchdog")
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
