package backend

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// checked refuses invalid input before it gets to a store, and brings entries
// and documents into the form in which they are kept.
type checked struct{ kvstore.Store }

func (c checked) State(ctx context.Context, fn string) (kvstore.State, error) {
	if err := kvstore.CheckName("function", fn); err != nil {
		return kvstore.State{}, err
	}
	return c.Store.State(ctx, fn)
}

func (c checked) SetParams(ctx context.Context, fn string, version int64, p kvstore.Params) error {
	if err := firstError(kvstore.CheckName("function", fn), p.Check()); err != nil {
		return err
	}
	return c.Store.SetParams(ctx, fn, version, p)
}

func (c checked) AddSamples(ctx context.Context, fn string, b kvstore.Batch) (kvstore.BatchResult, error) {
	if err := firstError(kvstore.CheckName("function", fn), b.Check()); err != nil {
		return kvstore.BatchResult{}, err
	}
	return c.Store.AddSamples(ctx, fn, b)
}

func (c checked) AddEntry(ctx context.Context, fn string, e kvstore.Entry) (bool, error) {
	if err := firstError(kvstore.CheckName("function", fn), e.Check()); err != nil {
		return false, err
	}
	e.Created, e.Deleted, e.Failures = e.Created.UTC(), e.Deleted.UTC(), nil
	e.Replaced, e.Condemned = time.Time{}, time.Time{}
	return c.Store.AddEntry(ctx, fn, e)
}

func (c checked) Reserve(ctx context.Context, fn string, p kvstore.Pending, now time.Time) ([]string, error) {
	if err := firstError(kvstore.CheckName("function", fn), p.Check(), kvstore.CheckTime("time", now)); err != nil {
		return nil, err
	}
	p.Until = p.Until.UTC()
	return c.Store.Reserve(ctx, fn, p, now.UTC())
}

func (c checked) ReplaceEntry(ctx context.Context, fn, oldSHA256 string, e kvstore.Entry, now time.Time) error {
	if err := firstError(kvstore.CheckName("function", fn), e.Check(), kvstore.CheckTime("time", now)); err != nil {
		return err
	}
	return c.Store.ReplaceEntry(ctx, fn, oldSHA256, e, now.UTC())
}

func (c checked) CondemnEntry(ctx context.Context, fn, id string, now time.Time) error {
	err := firstError(kvstore.CheckName("function", fn), kvstore.CheckName("snapshot id", id), kvstore.CheckTime("time", now))
	if err != nil {
		return err
	}
	return c.Store.CondemnEntry(ctx, fn, id, now.UTC())
}

func (c checked) RemoveEntries(ctx context.Context, fn string, ids []string, at time.Time) ([]kvstore.Entry, error) {
	if err := firstError(kvstore.CheckName("function", fn), kvstore.CheckDeleted(at)); err != nil {
		return nil, err
	}
	return c.Store.RemoveEntries(ctx, fn, ids, at.UTC())
}

func (c checked) FailEntry(ctx context.Context, fn, id, lifetime string) (kvstore.Entry, error) {
	err := firstError(kvstore.CheckName("function", fn), kvstore.CheckName("snapshot id", id),
		kvstore.CheckName("lifetime", lifetime))
	if err != nil {
		return kvstore.Entry{}, err
	}
	return c.Store.FailEntry(ctx, fn, id, lifetime)
}

func (c checked) PurgeEntry(ctx context.Context, fn, id string) error {
	err := firstError(kvstore.CheckName("function", fn), kvstore.CheckName("snapshot id", id))
	if err != nil {
		return err
	}
	return c.Store.PurgeEntry(ctx, fn, id)
}

func (c checked) DeleteFunction(ctx context.Context, fn string) error {
	if err := kvstore.CheckName("function", fn); err != nil {
		return err
	}
	return c.Store.DeleteFunction(ctx, fn)
}

func (c checked) ReadDocument(ctx context.Context, key string) (kvstore.Document, error) {
	if err := kvstore.CheckName("document key", key); err != nil {
		return kvstore.Document{}, err
	}
	return c.Store.ReadDocument(ctx, key)
}

func (c checked) WriteDocument(ctx context.Context, key string, expected int64, data []byte) (int64, bool, error) {
	if err := kvstore.CheckName("document key", key); err != nil {
		return 0, false, err
	}
	kept, err := compact(key, data)
	if err != nil {
		return 0, false, err
	}
	return c.Store.WriteDocument(ctx, key, expected, kept)
}

func (c checked) DeleteDocument(ctx context.Context, key string) (bool, error) {
	if err := kvstore.CheckName("document key", key); err != nil {
		return false, err
	}
	return c.Store.DeleteDocument(ctx, key)
}

// compact drops the insignificant space of a document.
func compact(key string, data []byte) ([]byte, error) {
	if len(data) > kvstore.MaxDocumentBytes {
		return nil, fmt.Errorf("%w: document %q of %d bytes: want at most %d",
			kvstore.ErrInvalid, key, len(data), kvstore.MaxDocumentBytes)
	}
	var b bytes.Buffer
	if err := json.Compact(&b, data); err != nil {
		return nil, fmt.Errorf("%w: document %q: want one JSON value: %w", kvstore.ErrInvalid, key, err)
	}
	return b.Bytes(), nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
