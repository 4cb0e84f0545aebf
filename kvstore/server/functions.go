package server

import (
	"net/http"

	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/kvstore"
)

func (s *server) functions(w http.ResponseWriter, r *http.Request) error {
	names, err := s.store.Functions(r.Context())
	if err != nil {
		return err
	}
	httpx.WriteJSON(w, kvstore.FunctionList{Functions: names})
	return nil
}

func (s *server) state(w http.ResponseWriter, r *http.Request) error {
	st, err := s.store.State(r.Context(), r.PathValue("fn"))
	if err != nil {
		return err
	}
	httpx.WriteJSON(w, st)
	return nil
}

func (s *server) deleteFunction(w http.ResponseWriter, r *http.Request) error {
	if err := s.store.DeleteFunction(r.Context(), r.PathValue("fn")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *server) setParams(w http.ResponseWriter, r *http.Request) error {
	var in kvstore.ParamsUpdate
	if err := httpx.ReadJSON(w, r, &in); err != nil {
		return err
	}
	if err := s.store.SetParams(r.Context(), r.PathValue("fn"), in.Version, in.Params); err != nil {
		return err
	}
	in.Version++
	httpx.WriteJSON(w, in)
	return nil
}

func (s *server) addSamples(w http.ResponseWriter, r *http.Request) error {
	var in kvstore.Batch
	if err := httpx.ReadJSON(w, r, &in); err != nil {
		return err
	}
	res, err := s.store.AddSamples(r.Context(), r.PathValue("fn"), in)
	if err != nil {
		return err
	}
	s.metrics.count(res)
	httpx.WriteJSON(w, res)
	return nil
}
