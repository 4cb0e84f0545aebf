package server

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/httpx"
)

const (
	// maxManifest and maxPack bound what is written through the agent, in bytes.
	maxManifest = 4 << 20
	maxPack     = 8 << 30
	// transferWithin bounds how long one object may take.
	transferWithin = 15 * time.Minute
	copyBuffer     = 256 << 10
)

// getObject streams an object, or a range of one, of a pool that workers cannot
// reach by URL. (A HEAD request gets the same answer without the object.)
func (s *Server) getObject(w http.ResponseWriter, r *http.Request) error {
	key := r.PathValue("key")
	if err := s.signer.check(opGet, key, r.URL.Query()); err != nil {
		return err
	}
	object, size, err := s.openObject(w, r, key)
	if err != nil {
		return err
	}
	defer object.Close()
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(transferWithin)) // a recorder in a test has none
	w.Header().Set("Accept-Ranges", "bytes")
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	if w.Header().Get("Content-Range") != "" {
		w.WriteHeader(http.StatusPartialContent)
	}
	if _, err := io.CopyBuffer(w, object, make([]byte, copyBuffer)); err != nil {
		// The status is out. Less than was announced tells the worker.
		s.cfg.Log.WarnContext(r.Context(), "object not sent to its end", "key", key, "err", err)
	}
	return nil
}

// openObject opens what the request asks for and returns its size. A range is
// announced in the answer's header.
func (s *Server) openObject(w http.ResponseWriter, r *http.Request, key string) (io.ReadCloser, int64, error) {
	header := r.Header.Get("Range")
	if header == "" {
		return s.cfg.Pool.Get(r.Context(), key)
	}
	size, err := s.cfg.Pool.Stat(r.Context(), key)
	if err != nil {
		return nil, 0, err
	}
	first, last, ok := parseRange(header, size)
	if !ok {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", size))
		return nil, 0, httpx.Errorf(http.StatusRequestedRangeNotSatisfiable,
			"Range %q of %s: want bytes=FIRST-LAST within its %d bytes", header, key, size)
	}
	object, err := s.cfg.Pool.GetRange(r.Context(), key, first, last-first+1)
	if err != nil {
		return nil, 0, err
	}
	w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, size))
	return object, last - first + 1, nil
}

// parseRange takes one range, "bytes=FIRST-LAST" or "bytes=FIRST-", which may
// go beyond the end of the object but has to begin inside.
func parseRange(header string, size int64) (first, last int64, ok bool) {
	spec, isBytes := strings.CutPrefix(header, "bytes=")
	from, to, isRange := strings.Cut(spec, "-")
	first, err := parseOffset(from, -1)
	last, errLast := parseOffset(to, size-1)
	last = min(last, size-1)
	return first, last, isBytes && isRange && err == nil && errLast == nil && 0 <= first && first <= last
}

// parseOffset takes digits only, or nothing.
func parseOffset(s string, nothing int64) (int64, error) {
	if s == "" {
		return nothing, nil
	}
	n, err := strconv.ParseUint(s, 10, 63)
	return int64(n), err
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
	limit := int64(maxManifest)
	if strings.HasSuffix(key, "/"+packName) {
		limit = maxPack
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
