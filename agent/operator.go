package agent

import (
	"context"
	"net/http"
	"net/url"

	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// Operator calls a policy agent on behalf of the operator.
type Operator struct{ http *httpx.Client }

// NewOperator returns a client of the agent at base. The token may be empty.
func NewOperator(base, token string) (*Operator, error) {
	c, err := httpx.NewClient(base, httpx.Options{Token: token, Timeout: callTimeout, Retries: 2})
	if err != nil {
		return nil, err
	}
	return &Operator{http: c}, nil
}

// Functions lists the functions that the agent knows.
func (o *Operator) Functions(ctx context.Context) ([]string, error) {
	var list kvstore.FunctionList
	err := o.http.Call(ctx, http.MethodGet, "/v1/functions", nil, &list)
	return list.Functions, err
}

// Function returns a function's state, and what the agent remembers of it.
func (o *Operator) Function(ctx context.Context, fn string) (Function, error) {
	var f Function
	err := o.http.Call(ctx, http.MethodGet, "/v1/functions/"+url.PathEscape(fn), nil, &f)
	return f, err
}

// RemoveSnapshot unregisters a snapshot; its objects go after the lease. One
// that is not registered is status 404.
func (o *Operator) RemoveSnapshot(ctx context.Context, fn, id string) error {
	path := "/v1/functions/" + url.PathEscape(fn) + "/snapshots/" + url.PathEscape(id)
	return o.http.Call(ctx, http.MethodDelete, path, nil, nil)
}

// Close closes the connections that are idle.
func (o *Operator) Close() error {
	o.http.CloseIdle()
	return nil
}
