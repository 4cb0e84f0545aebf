// Package recorder remembers how an HTTP request was answered.
package recorder

import (
	"io"
	"net/http"
)

// Recorder is an http.ResponseWriter that remembers what was answered.
type Recorder struct {
	http.ResponseWriter
	// Status of the answer.
	Status int
	// Length of its body so far, in bytes.
	Length int64
}

// New returns a recorder in front of w.
func New(w http.ResponseWriter) *Recorder {
	return &Recorder{ResponseWriter: w, Status: http.StatusOK}
}

// WriteHeader notes the status.
func (w *Recorder) WriteHeader(status int) {
	if status >= http.StatusOK || status == http.StatusSwitchingProtocols {
		w.Status = status // the others only announce one
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write notes the length.
func (w *Recorder) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.Length += int64(n)
	return n, err
}

// ReadFrom notes the length, too; a file goes to the connection without
// passing through here.
func (w *Recorder) ReadFrom(from io.Reader) (int64, error) {
	n, err := io.Copy(w.ResponseWriter, from)
	w.Length += n
	return n, err
}

// Unwrap is for http.ResponseController.
func (w *Recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
