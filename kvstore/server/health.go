package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// healthTimeout bounds how long /healthz waits for the store.
const healthTimeout = 3 * time.Second

// health reads what need not be there: the cheapest way through the contract
// that ends at the backend.
func (s *server) health(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), healthTimeout)
	defer cancel()
	_, err := s.store.ReadDocument(ctx, "healthz")
	if err != nil && !errors.Is(err, kvstore.ErrNotFound) {
		return httpx.Errorf(http.StatusServiceUnavailable, "the store does not answer: %v", err)
	}
	httpx.WriteJSON(w, map[string]string{"status": "ok"})
	return nil
}
