package backend

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// countSize is the bytes of the count that a document starts with.
const countSize = 8

// documentIn returns a document that is good while the transaction lasts; the
// count of an unknown one is 0.
func documentIn(tx *bbolt.Tx, key string) kvstore.Document {
	raw := tx.Bucket([]byte(documentsBucket)).Get([]byte(key))
	if len(raw) < countSize {
		return kvstore.Document{}
	}
	return kvstore.Document{Data: raw[countSize:], Count: int64(binary.BigEndian.Uint64(raw))}
}

func (s *file) ReadDocument(ctx context.Context, key string) (doc kvstore.Document, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		doc = documentIn(tx, key)
		doc.Data = bytes.Clone(doc.Data)
		return nil
	})
	if err == nil && doc.Count == 0 {
		err = noDocument(key)
	}
	return doc, err
}

func noDocument(key string) error {
	return fmt.Errorf("document %q: %w", key, kvstore.ErrNotFound)
}

func (s *file) WriteDocument(ctx context.Context, key string, expected int64, data []byte) (count int64, ok bool, err error) {
	// Most writers of a busy document lose: they need no commit to learn it.
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		count, ok = passes(documentIn(tx, key), expected)
		return nil
	})
	if err != nil || !ok {
		return count, false, err
	}
	err = s.update(ctx, func(tx *bbolt.Tx) error {
		if count, ok = passes(documentIn(tx, key), expected); !ok {
			return nil
		}
		value := append(binary.BigEndian.AppendUint64(nil, uint64(count)), data...)
		return tx.Bucket([]byte(documentsBucket)).Put([]byte(key), value)
	})
	return count, ok && err == nil, err
}

// passes says whether a write may pass, and the count after it.
func passes(doc kvstore.Document, expected int64) (count int64, ok bool) {
	if expected >= 0 && expected != doc.Count {
		return doc.Count, false
	}
	return doc.Count + 1, true
}

func (s *file) DeleteDocument(ctx context.Context, key string) (existed bool, err error) {
	err = s.update(ctx, func(tx *bbolt.Tx) error {
		existed = documentIn(tx, key).Count > 0
		return tx.Bucket([]byte(documentsBucket)).Delete([]byte(key))
	})
	return existed && err == nil, err
}
