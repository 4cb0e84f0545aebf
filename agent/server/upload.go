package server

import (
	"context"
	"net/http"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// upload names a new snapshot and says where its objects are to be written.
// What it may share with others is reserved for as long as it may be
// registered; else nothing is kept of it: what is never registered is swept.
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
	if err := kvstore.CheckNames("pack", req.Packs); err != nil {
		return badRequest("packs: %v", err)
	}
	fn, id := r.PathValue("fn"), newID(s.cfg.Now())
	share, err := s.reserve(r.Context(), fn, id, req.Packs)
	if err != nil {
		return err
	}
	manifest, err := s.presign.PresignPut(r.Context(), snapshot.ManifestKey(fn, id), s.cfg.URLTTL)
	if err != nil {
		return err
	}
	pack, err := s.presign.PresignPut(r.Context(), snapshot.PackKey(fn, id), s.cfg.URLTTL)
	if err != nil {
		return err
	}
	httpx.WriteJSON(w, agent.Upload{Snapshot: id, ManifestURL: manifest, PackURL: pack, Share: share})
	return nil
}

// reserve returns those of the packs that an upload may refer to.
func (s *Server) reserve(ctx context.Context, fn, id string, packs []string) ([]string, error) {
	if len(packs) == 0 {
		return nil, nil
	}
	now := s.cfg.Now()
	granted, err := s.cfg.Store.Reserve(ctx, fn, kvstore.Pending{ID: id, Packs: packs, Until: now.Add(registerWithin)}, now)
	return granted, wrapStore("reserve packs for snapshot "+id, err)
}
