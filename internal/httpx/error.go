// Package httpx is what the project's small JSON services and their clients
// share: reading and writing JSON bodies, errors that survive the way over
// HTTP, bearer tokens, and serving until a context ends.
package httpx

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// StatusError is an error with the HTTP status that it is answered with. The
// client returns it for every answer that is not 2xx.
type StatusError struct {
	Status  int    `json:"-"`
	Message string `json:"error"`
}

// Error returns the message that the service gave.
func (e *StatusError) Error() string { return e.Message }

// Errorf makes a StatusError.
func Errorf(status int, format string, args ...any) *StatusError {
	return &StatusError{Status: status, Message: fmt.Sprintf(format, args...)}
}

// StatusOf returns the status that err carries, or 0.
func StatusOf(err error) int {
	var s *StatusError
	if errors.As(err, &s) {
		return s.Status
	}
	return 0
}

// WriteError answers with the error as JSON: {"error": "…"}.
func WriteError(w http.ResponseWriter, err error) {
	status := StatusOf(err)
	if status == 0 {
		status = http.StatusInternalServerError
	}
	writeJSON(w, status, &StatusError{Message: err.Error()})
}

// WriteJSON answers 200 with v as JSON.
func WriteJSON(w http.ResponseWriter, v any) { writeJSON(w, http.StatusOK, v) }

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := encode(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be encoded"}`+"\n")
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone: nobody is left to tell
}

// encode is json.Marshal without the escapes for HTML: nothing here is ever
// part of a page, and a JSON document passes through unchanged.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return b.Bytes(), err
}
