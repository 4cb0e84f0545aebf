package kvstore

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/httpx"
)

// Client is a Store over the HTTP API of the KV service. It sends a call again
// when the service is not reachable or answers 5xx; the changes that commute
// are unaffected by that, a compare-and-set whose answer was lost reports
// ErrConflict (or not ok) although it passed.
type Client struct{ http *httpx.Client }

var _ Store = (*Client)(nil)

// NewClient returns a client of the service at base (http://HOST:PORT). The
// token is the operator's, or a function's, which is good for AddSamples of
// that function only; "" sends none.
func NewClient(base, token string) (*Client, error) {
	c, err := httpx.NewClient(base, httpx.Options{Token: token})
	if err != nil {
		return nil, fmt.Errorf("KV service: %w", err)
	}
	return &Client{http: c}, nil
}

// Close closes the connections that are idle.
func (c *Client) Close() error {
	c.http.CloseIdle()
	return nil
}

// Functions implements Store.
func (c *Client) Functions(ctx context.Context) ([]string, error) {
	var list FunctionList
	err := c.call(ctx, http.MethodGet, "/v1/functions", nil, &list)
	return list.Functions, err
}

// State implements Store.
func (c *Client) State(ctx context.Context, fn string) (State, error) {
	var st State
	err := c.callFunction(ctx, http.MethodGet, fn, "", nil, &st)
	return st, err
}

// DeleteFunction implements Store.
func (c *Client) DeleteFunction(ctx context.Context, fn string) error {
	return c.callFunction(ctx, http.MethodDelete, fn, "", nil, nil)
}

// SetParams implements Store.
func (c *Client) SetParams(ctx context.Context, fn string, version int64, p Params) error {
	if err := p.Check(); err != nil {
		return err // a NaN would not survive JSON
	}
	return c.callFunction(ctx, http.MethodPut, fn, "/params", ParamsUpdate{Version: version, Params: p}, nil)
}

// AddSamples implements Store.
func (c *Client) AddSamples(ctx context.Context, fn string, b Batch) (BatchResult, error) {
	if err := b.Check(); err != nil {
		return BatchResult{}, err
	}
	var res BatchResult
	err := c.callFunction(ctx, http.MethodPost, fn, "/samples", b, &res)
	return res, err
}

// Reserve implements Store.
func (c *Client) Reserve(ctx context.Context, fn string, p Pending, now time.Time) ([]string, error) {
	if err := cmp.Or(p.Check(), CheckTime("time", now)); err != nil {
		return nil, err
	}
	var res Granted
	err := c.callFunction(ctx, http.MethodPost, fn, "/reservations", Reservation{Pending: p, At: now}, &res)
	return res.Granted, err
}

// ReplaceEntry implements Store.
func (c *Client) ReplaceEntry(ctx context.Context, fn, oldSHA256 string, e Entry, now time.Time) error {
	if err := cmp.Or(e.Check(), CheckTime("time", now)); err != nil {
		return err
	}
	in := Replacement{OldManifestSHA256: oldSHA256, Entry: e, At: now}
	return c.callFunction(ctx, http.MethodPut, fn, "/entries/"+e.ID, in, nil)
}

// CondemnEntry implements Store.
func (c *Client) CondemnEntry(ctx context.Context, fn, id string, now time.Time) error {
	if err := cmp.Or(CheckName("snapshot id", id), CheckTime("time", now)); err != nil {
		return err
	}
	return c.callFunction(ctx, http.MethodPost, fn, "/entries/"+id+"/condemn", Condemnation{At: now}, nil)
}

// AddEntry implements Store.
func (c *Client) AddEntry(ctx context.Context, fn string, e Entry) (bool, error) {
	if err := e.Check(); err != nil {
		return false, err
	}
	var res Added
	err := c.callFunction(ctx, http.MethodPost, fn, "/entries", e, &res)
	return res.Added, err
}

// RemoveEntries implements Store.
func (c *Client) RemoveEntries(ctx context.Context, fn string, ids []string, at time.Time) ([]Entry, error) {
	if err := CheckDeleted(at); err != nil {
		return nil, err
	}
	var res Removed
	err := c.callFunction(ctx, http.MethodPost, fn, "/entries/remove", Removal{IDs: ids, At: at}, &res)
	return res.Removed, err
}

// FailEntry implements Store.
func (c *Client) FailEntry(ctx context.Context, fn, id, lifetime string) (Entry, error) {
	if err := CheckName("snapshot id", id); err != nil {
		return Entry{}, err
	}
	var e Entry
	err := c.callFunction(ctx, http.MethodPost, fn, "/entries/"+id+"/failures", Failure{Lifetime: lifetime}, &e)
	return e, err
}

// PurgeEntry implements Store.
func (c *Client) PurgeEntry(ctx context.Context, fn, id string) error {
	if err := CheckName("snapshot id", id); err != nil {
		return err
	}
	return c.callFunction(ctx, http.MethodDelete, fn, "/entries/"+id, nil, nil)
}

// ReadDocument implements Store.
func (c *Client) ReadDocument(ctx context.Context, key string) (Document, error) {
	var res DocumentAnswer
	if err := c.callDocument(ctx, http.MethodGet, "read", key, "", nil, &res); err != nil {
		return Document{}, err
	}
	if res.NextExpectedID == 0 {
		return Document{}, fmt.Errorf("document %q: %w", key, ErrNotFound)
	}
	return Document{Data: res.Data, Count: res.NextExpectedID}, nil
}

// WriteDocument implements Store.
func (c *Client) WriteDocument(ctx context.Context, key string, expected int64, data []byte) (int64, bool, error) {
	if !json.Valid(data) {
		return 0, false, fmt.Errorf("%w: document %q: want one JSON value", ErrInvalid, key)
	}
	query := "?next_expected_id=" + strconv.FormatInt(expected, 10)
	var res DocumentAnswer
	err := c.callDocument(ctx, http.MethodPost, "write", key, query, json.RawMessage(data), &res)
	return res.NextExpectedID, res.Passed, err
}

// DeleteDocument implements Store.
func (c *Client) DeleteDocument(ctx context.Context, key string) (bool, error) {
	var res DocumentAnswer
	err := c.callDocument(ctx, http.MethodGet, "delete", key, "", nil, &res)
	return res.Passed, err
}

func (c *Client) callDocument(ctx context.Context, method, verb, key, query string, in, out any) error {
	if err := CheckName("document key", key); err != nil {
		return err
	}
	return c.call(ctx, method, "/"+verb+"/"+key+query, in, out)
}

func (c *Client) callFunction(ctx context.Context, method, fn, path string, in, out any) error {
	if err := CheckName("function", fn); err != nil {
		return err
	}
	return c.call(ctx, method, "/v1/functions/"+fn+path, in, out)
}

// call gives the errors of the service the sentinels back that they had there.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	err := c.http.Call(ctx, method, path, in, out)
	if err == nil {
		return nil
	}
	if kind := sentinel(httpx.StatusOf(err)); kind != nil {
		return fmt.Errorf("%w: %w", kind, err)
	}
	return err
}

// noAnswer is the status of an error that is not an answer of the service.
const noAnswer = 0

func sentinel(status int) error {
	switch status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		return ErrInvalid
	case http.StatusNotFound:
		return ErrNotFound
	case http.StatusConflict:
		return ErrConflict
	case http.StatusServiceUnavailable, noAnswer:
		return ErrUnavailable
	}
	return nil
}
