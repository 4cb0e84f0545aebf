package httpx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// maxBody bounds every JSON body that a service or a client reads, in bytes.
const maxBody = 32 << 20

// shutdownGrace is how long Serve lets requests in flight finish.
const shutdownGrace = 10 * time.Second

// Handler is an http.Handler that answers the error it returns. An error
// without a status is logged and answered 500.
type Handler func(w http.ResponseWriter, r *http.Request) error

func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	err := h(w, r)
	if err == nil {
		return
	}
	if StatusOf(err) == 0 {
		slog.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "err", err)
	}
	WriteError(w, err)
}

// ReadJSON decodes the request's body into v. Unknown fields, trailing bytes
// and bodies over 32 MiB are refused with status 400 or 413.
func ReadJSON(w http.ResponseWriter, r *http.Request, v any) error {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return badBody(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Errorf(http.StatusBadRequest, "request body: more than one JSON value")
	}
	return nil
}

func badBody(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return Errorf(http.StatusRequestEntityTooLarge, "request body: larger than %d bytes", tooLarge.Limit)
	case errors.Is(err, io.EOF):
		return Errorf(http.StatusBadRequest, "request body: empty, want a JSON object")
	}
	return Errorf(http.StatusBadRequest, "request body: %v", err)
}

// Serve serves h on ln until ctx ends, then lets requests in flight finish.
// It returns nil after an orderly shutdown.
func Serve(ctx context.Context, ln net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve on %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	if err := srv.Shutdown(grace); err != nil {
		return fmt.Errorf("shut down %s: requests were still running after %s: %w", ln.Addr(), shutdownGrace, err)
	}
	return nil
}
