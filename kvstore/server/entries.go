package server

import (
	"net/http"

	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/kvstore"
)

func (s *server) addEntry(w http.ResponseWriter, r *http.Request) error {
	var in kvstore.Entry
	if err := httpx.ReadJSON(w, r, &in); err != nil {
		return err
	}
	added, err := s.store.AddEntry(r.Context(), r.PathValue("fn"), in)
	if err != nil {
		return err
	}
	httpx.WriteJSON(w, kvstore.Added{Added: added})
	return nil
}

func (s *server) removeEntries(w http.ResponseWriter, r *http.Request) error {
	var in kvstore.Removal
	if err := httpx.ReadJSON(w, r, &in); err != nil {
		return err
	}
	removed, err := s.store.RemoveEntries(r.Context(), r.PathValue("fn"), in.IDs, in.At)
	if err != nil {
		return err
	}
	httpx.WriteJSON(w, kvstore.Removed{Removed: removed})
	return nil
}

func (s *server) failEntry(w http.ResponseWriter, r *http.Request) error {
	var in kvstore.Failure
	if err := httpx.ReadJSON(w, r, &in); err != nil {
		return err
	}
	e, err := s.store.FailEntry(r.Context(), r.PathValue("fn"), r.PathValue("id"), in.Lifetime)
	if err != nil {
		return err
	}
	httpx.WriteJSON(w, e)
	return nil
}

func (s *server) purgeEntry(w http.ResponseWriter, r *http.Request) error {
	if err := s.store.PurgeEntry(r.Context(), r.PathValue("fn"), r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
