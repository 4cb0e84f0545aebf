package server

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// The handlers of the artifact's API. Like the artifact's service they look
// at no Content-Type, ignore next_expected_id on reading and answer a write
// that lost with 200 and "passed": false.

// noData is what a document that nobody wrote reads as.
const noData = `""`

func (s *server) readDocument(w http.ResponseWriter, r *http.Request) error {
	doc, err := s.store.ReadDocument(r.Context(), r.PathValue("key"))
	if errors.Is(err, kvstore.ErrNotFound) {
		doc, err = kvstore.Document{Data: []byte(noData)}, nil
	}
	if err != nil {
		return err
	}
	httpx.WriteJSON(w, kvstore.DocumentAnswer{Data: doc.Data, Passed: true, NextExpectedID: doc.Count})
	return nil
}

func (s *server) writeDocument(w http.ResponseWriter, r *http.Request) error {
	expected, err := expectedID(r)
	if err != nil {
		return err
	}
	var data json.RawMessage
	if err := httpx.ReadJSON(w, r, &data); err != nil {
		return err
	}
	count, ok, err := s.store.WriteDocument(r.Context(), r.PathValue("key"), expected, data)
	if err != nil {
		return err
	}
	httpx.WriteJSON(w, kvstore.DocumentAnswer{Passed: ok, NextExpectedID: count})
	return nil
}

func expectedID(r *http.Request) (int64, error) {
	v := r.URL.Query().Get("next_expected_id")
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		return 0, httpx.Errorf(http.StatusBadRequest,
			"next_expected_id %q: want the count of the last read, or -1 to write whatever it is", v)
	}
	return n, nil
}

func (s *server) deleteDocument(w http.ResponseWriter, r *http.Request) error {
	existed, err := s.store.DeleteDocument(r.Context(), r.PathValue("key"))
	if err != nil {
		return err
	}
	httpx.WriteJSON(w, kvstore.DocumentAnswer{Passed: existed, NextExpectedID: -1})
	return nil
}
