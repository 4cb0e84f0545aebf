package server

import (
	"errors"
	"net/http"

	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// withStatus gives the errors of the store their status. One that has none is
// left to be logged and answered 500.
func withStatus(h httpx.Handler) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := h(w, r)
		if status := statusOf(err); status != 0 {
			return httpx.Errorf(status, "%v", err)
		}
		return err
	}
}

func statusOf(err error) int {
	switch {
	case errors.Is(err, kvstore.ErrInvalid):
		return http.StatusBadRequest
	case errors.Is(err, kvstore.ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, kvstore.ErrConflict):
		return http.StatusConflict
	case errors.Is(err, kvstore.ErrUnavailable):
		return http.StatusServiceUnavailable
	}
	return 0
}
