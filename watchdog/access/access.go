// Package access logs requests in upstream's format, one line each.
package access

import (
	"cmp"
	"log"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/recorder"
)

// Log is where request lines go.
type Log struct {
	Lines *log.Logger
	// CallID appends the request's X-Call-Id, or "none".
	CallID bool
}

// Request is how a request was answered.
type Request struct {
	// Status as it is logged: "200", or "200 OK" in the http mode.
	Status string
	// Length of the answer's body in bytes; -1 = unknown.
	Length int64
	// Took is the time that it took.
	Took time.Duration
	// Err is what went wrong; nil = nothing.
	Err error
}

// Add logs a request, and what went wrong with it. The probes of Kubernetes
// would fill the log.
func (l Log) Add(r *http.Request, q Request) {
	if strings.HasPrefix(r.UserAgent(), "kube-probe") {
		return
	}
	suffix := ""
	if l.CallID {
		suffix = " [" + cmp.Or(r.Header.Get("X-Call-Id"), "none") + "]"
	}
	l.Lines.Printf("%s %s - %s - ContentLength: %dB (%.4fs)%s", r.Method, r.RequestURI, q.Status, q.Length, q.Took.Seconds(), suffix)
	if q.Err != nil {
		l.Lines.Printf("%s %s - %v", r.Method, r.RequestURI, q.Err)
	}
}

// Wrap logs what next answers.
func (l Log) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		rec := recorder.New(w)
		next.ServeHTTP(rec, r)
		l.Add(r, Request{Status: strconv.Itoa(rec.Status), Length: rec.Length, Took: time.Since(start)})
	})
}
