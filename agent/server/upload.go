package server

import (
	"net/http"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// upload names a new snapshot and says where its objects are to be written.
// Nothing is kept of it: what is never registered is swept.
func (s *Server) upload(w http.ResponseWriter, r *http.Request) error {
	var req agent.UploadRequest
	if err := readBody(w, r, &req); err != nil {
		return err
	}
	if err := checkName("lifetime", req.Lifetime); err != nil {
		return err
	}
	if req.RequestNumber < 0 {
		return badRequest("request_number %d: want 0 or more", req.RequestNumber)
	}
	fn, id := r.PathValue("fn"), newID(s.cfg.Now())
	manifest, err := s.presign.PresignPut(r.Context(), snapshot.ManifestKey(fn, id), s.cfg.URLTTL)
	if err != nil {
		return err
	}
	pack, err := s.presign.PresignPut(r.Context(), snapshot.PackKey(fn, id), s.cfg.URLTTL)
	if err != nil {
		return err
	}
	httpx.WriteJSON(w, agent.Upload{Snapshot: id, ManifestURL: manifest, PackURL: pack})
	return nil
}
