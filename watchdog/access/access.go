// Package access logs requests in upstream's format, one line each.
package access

import (
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
	// Code is the status of the answer.
	Code int
	// Phrase says the status in words as well, as the http mode does.
	Phrase bool
	// Length of the answer's body in bytes; -1 = unknown.
	Length int64
	// Took is the time that it took.
	Took time.Duration
	// Err is what went wrong; nil = nothing.
	Err error
}

// usualLine is a size that has room for most lines, in bytes.
const usualLine = 192

// Add logs a request, and what went wrong with it. The probes of Kubernetes
// would fill the log.
func (l Log) Add(r *http.Request, q Request) {
	if strings.HasPrefix(r.UserAgent(), "kube-probe") {
		return
	}
	var room [usualLine]byte
	line := q.append(append(append(append(room[:0], r.Method...), ' '), r.RequestURI...))
	if l.CallID {
		line = appendCallID(line, r.Header.Get("X-Call-Id"))
	}
	l.print(line)
	if q.Err != nil {
		l.Lines.Printf("%s %s - %v", r.Method, r.RequestURI, q.Err)
	}
}

// append appends " - 200 OK - ContentLength: 430B (0.0013s)".
func (q Request) append(line []byte) []byte {
	line = strconv.AppendInt(append(line, " - "...), int64(q.Code), 10)
	if q.Phrase {
		line = append(append(line, ' '), http.StatusText(q.Code)...)
	}
	line = strconv.AppendInt(append(line, " - ContentLength: "...), q.Length, 10)
	line = strconv.AppendFloat(append(line, "B ("...), q.Took.Seconds(), 'f', 4, 64)
	return append(line, "s)"...)
}

func appendCallID(line []byte, id string) []byte {
	if id == "" {
		id = "none"
	}
	return append(append(append(line, " ["...), id...), ']')
}

// print writes a line. The logger has nobody to tell that it failed.
func (l Log) print(line []byte) { _ = l.Lines.Output(0, string(line)) }

// Wrap logs what next answers.
func (l Log) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		rec := recorder.New(w)
		next.ServeHTTP(rec, r)
		l.Add(r, Request{Code: rec.Status, Length: rec.Length, Took: time.Since(start)})
	})
}
