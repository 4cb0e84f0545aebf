package server

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

const (
	// maxManifest and maxPack bound what is written through the agent, in bytes.
	maxManifest = 4 << 20
	maxPack     = 8 << 30
	// transferWithin bounds how long one object may take.
	transferWithin = 15 * time.Minute
	copyBuffer     = 256 << 10
)

// getObject streams an object of a pool that workers cannot reach by URL. (A
// HEAD request gets the same answer without the object.)
func (s *Server) getObject(w http.ResponseWriter, r *http.Request) error {
	key := r.PathValue("key")
	if err := s.signer.check(opGet, key, r.URL.Query()); err != nil {
		return err
	}
	object, size, err := s.cfg.Pool.Get(r.Context(), key)
	if err != nil {
		return err
	}
	defer object.Close()
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(transferWithin)) // a recorder in a test has none
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	if _, err := io.CopyBuffer(w, object, make([]byte, copyBuffer)); err != nil {
		// The status is out. Less than was announced tells the worker.
		s.cfg.Log.WarnContext(r.Context(), "object not sent to its end", "key", key, "err", err)
	}
	return nil
}

// putObject stores an object, all of it or nothing.
func (s *Server) putObject(w http.ResponseWriter, r *http.Request) error {
	key := r.PathValue("key")
	if err := s.signer.check(opPut, key, r.URL.Query()); err != nil {
		return err
	}
	if err := checkSize(key, r.ContentLength); err != nil {
		return err
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(transferWithin)) // see getObject
	body := &body{Reader: r.Body}
	err := s.cfg.Pool.Put(r.Context(), key, body, r.ContentLength)
	if err != nil && body.err != nil {
		return badRequest("%s: the body ended early: %v", key, body.err)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func checkSize(key string, size int64) error {
	limit := int64(maxPack)
	if strings.HasSuffix(key, snapshot.ManifestKey("", "")) {
		limit = maxManifest
	}
	switch {
	case size < 0:
		return httpx.Errorf(http.StatusLengthRequired, "%s: want a Content-Length", key)
	case size > limit:
		return httpx.Errorf(http.StatusRequestEntityTooLarge, "%s: %d bytes: want at most %d", key, size, limit)
	}
	return nil
}

// body notes whether it was the sender that failed, not the pool.
type body struct {
	io.Reader
	err error
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}
