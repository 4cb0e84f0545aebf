package fork

import (
	"io"
	"log"
	"net/http"
	"time"
)

// Static returns the handler of upstream's static mode: it serves the files
// under the directory path, with listings of directories that have no
// index.html, to requests of any method. lines receives one line a request.
func Static(path string, lines *log.Logger) http.Handler {
	files := http.FileServer(http.Dir(path))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		counted := &countingWriter{ResponseWriter: w, result: result{status: http.StatusOK}}
		files.ServeHTTP(counted, r)
		logRequest(lines, r, start, counted.result)
	})
}

// countingWriter remembers what was answered.
type countingWriter struct {
	http.ResponseWriter
	result result
}

// WriteHeader notes the status.
func (w *countingWriter) WriteHeader(status int) {
	w.result.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Write notes the length.
func (w *countingWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.result.length += int64(n)
	return n, err
}

// ReadFrom notes the length, too; a file goes to the connection without
// passing through here.
func (w *countingWriter) ReadFrom(from io.Reader) (int64, error) {
	n, err := io.Copy(w.ResponseWriter, from)
	w.result.length += n
	return n, err
}

// Unwrap is for http.ResponseController.
func (w *countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
