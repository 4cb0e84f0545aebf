package fork

import (
	"log"
	"net/http"
	"strings"
	"time"
)

// result is how a request was answered.
type result struct {
	status int
	// length of the body in bytes.
	length int64
	// err is what went wrong; nil = nothing.
	err error
}

// logRequest logs a request in upstream's format, and what went wrong with it.
// The probes of Kubernetes would fill the log.
func logRequest(to *log.Logger, r *http.Request, start time.Time, res result) {
	if strings.HasPrefix(r.UserAgent(), "kube-probe") {
		return
	}
	to.Printf("%s %s - %d - ContentLength: %dB (%.4fs)", r.Method, r.RequestURI, res.status, res.length, time.Since(start).Seconds())
	if res.err != nil {
		to.Printf("%s %s - %v", r.Method, r.RequestURI, res.err)
	}
}
