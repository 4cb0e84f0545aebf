package server

import (
	"net/http"

	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/kvstore"
)

func (s *server) reserve(w http.ResponseWriter, r *http.Request) error {
	var in kvstore.Reservation
	if err := httpx.ReadJSON(w, r, &in); err != nil {
		return err
	}
	granted, err := s.store.Reserve(r.Context(), r.PathValue("fn"), in.Pending, in.At)
	if err != nil {
		return err
	}
	httpx.WriteJSON(w, kvstore.Granted{Granted: granted})
	return nil
}

func (s *server) replaceEntry(w http.ResponseWriter, r *http.Request) error {
	var in kvstore.Replacement
	if err := httpx.ReadJSON(w, r, &in); err != nil {
		return err
	}
	if id := r.PathValue("id"); in.Entry.ID != id {
		return httpx.Errorf(http.StatusBadRequest, "entry %q: want %q, as in the path", in.Entry.ID, id)
	}
	if err := s.store.ReplaceEntry(r.Context(), r.PathValue("fn"), in.OldManifestSHA256, in.Entry, in.At); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *server) condemnEntry(w http.ResponseWriter, r *http.Request) error {
	var in kvstore.Condemnation
	if err := httpx.ReadJSON(w, r, &in); err != nil {
		return err
	}
	if err := s.store.CondemnEntry(r.Context(), r.PathValue("fn"), r.PathValue("id"), in.At); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

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
