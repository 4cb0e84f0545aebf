package agent

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/httpx"
)

// Client calls a policy agent on behalf of one function.
type Client struct {
	http *httpx.Client
	path string
}

// Each call of the client takes at most this long per try; a worker that
// waits for its plan is not serving.
const callTimeout = 5 * time.Second

// NewClient returns a client of the agent at base for the function fn. The
// token may be empty.
func NewClient(base, token, fn string) (*Client, error) {
	c, err := httpx.NewClient(base, httpx.Options{Token: token, Timeout: callTimeout, Retries: 2})
	if err != nil {
		return nil, err
	}
	return &Client{http: c, path: "/v1/functions/" + url.PathEscape(fn)}, nil
}

// Start asks for the plan of a lifetime. It gives up after 5 s, repeated tries
// included: the lifetime then had better start cold.
func (c *Client) Start(ctx context.Context, req StartRequest) (Plan, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var plan Plan
	err := c.http.Call(ctx, http.MethodPost, c.path+"/lifetimes", req, &plan)
	if err == nil && plan.Restore != nil {
		plan.Restore.ManifestURL = c.http.Resolve(plan.Restore.ManifestURL)
		for i := range plan.Restore.Packs {
			plan.Restore.Packs[i].URL = c.http.Resolve(plan.Restore.Packs[i].URL)
		}
	}
	return plan, err
}

// End reports what became of a lifetime.
func (c *Client) End(ctx context.Context, rec LifetimeRecord) error {
	return c.http.Call(ctx, http.MethodPost, c.path+"/lifetimes/"+url.PathEscape(rec.Lifetime)+"/end", rec, nil)
}

// Upload asks where to put a new snapshot.
func (c *Client) Upload(ctx context.Context, req UploadRequest) (Upload, error) {
	var up Upload
	err := c.http.Call(ctx, http.MethodPost, c.path+"/uploads", req, &up)
	up.ManifestURL = c.http.Resolve(up.ManifestURL)
	up.PackURL = c.http.Resolve(up.PackURL)
	return up, err
}

// Register puts an uploaded snapshot into the pool. Status 409 says that a pack
// that it refers to is gone: the snapshot is lost.
func (c *Client) Register(ctx context.Context, reg Registration) (Registered, error) {
	var done Registered
	err := c.http.Call(ctx, http.MethodPost, c.path+"/snapshots", reg, &done)
	return done, err
}

// Fail reports at once that a lifetime could not start from a snapshot, so that
// no other worker has to find out; the record of the lifetime names it too.
func (c *Client) Fail(ctx context.Context, snapshot, lifetime string) error {
	path := c.path + "/snapshots/" + url.PathEscape(snapshot) + "/failure"
	return c.http.Call(ctx, http.MethodPost, path, Failure{Lifetime: lifetime}, nil)
}
