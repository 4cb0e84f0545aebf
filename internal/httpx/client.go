package httpx

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// idleConns is how many connections a client keeps open: every caller of a
// busy process finds one, where the library's default is one per core.
const idleConns = 64

// Client calls a JSON service. Calls are sent again on refused connections,
// timeouts and 5xx answers, so the service's changes must be idempotent.
type Client struct {
	base  string
	token string
	http  *retryablehttp.Client
}

// Options of a client; zero values mean the defaults.
type Options struct {
	// Token is sent as a bearer token when it is set.
	Token string
	// Retries is how often a failed call is sent again (default 3; -1: never).
	Retries int
	// MinWait and MaxWait bound the pauses between tries (default 20 ms, 1 s).
	MinWait, MaxWait time.Duration
	// Timeout bounds one try (default 10 s).
	Timeout time.Duration
}

// NewClient returns a client for the service at base, an http or https URL.
func NewClient(base string, o Options) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("service URL %q: want http://HOST:PORT or https://HOST:PORT", base)
	}
	return &Client{base: strings.TrimRight(base, "/"), token: o.Token, http: o.retrying()}, nil
}

func (o Options) retrying() *retryablehttp.Client {
	c := retryablehttp.NewClient()
	c.Logger = nil
	c.RetryMax = max(or(o.Retries, 3), 0)
	c.RetryWaitMin = or(o.MinWait, 20*time.Millisecond)
	c.RetryWaitMax = or(o.MaxWait, time.Second)
	c.HTTPClient.Timeout = or(o.Timeout, 10*time.Second)
	if t, ok := c.HTTPClient.Transport.(*http.Transport); ok {
		t.MaxIdleConnsPerHost = idleConns
	}
	c.ErrorHandler = retryablehttp.PassthroughErrorHandler
	return c
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// Call sends in (unless nil) as JSON and decodes a 2xx answer into out (unless
// nil). Any other answer is a *StatusError.
func (c *Client) Call(ctx context.Context, method, path string, in, out any) error {
	req, err := c.request(ctx, method, path, in)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, c.base+path, unwrapURLError(err))
	}
	defer drain(resp.Body)
	body := io.LimitReader(resp.Body, maxBody)
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %w", method, c.base+path, readError(resp.StatusCode, body))
	}
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(body).Decode(out); err != nil {
		return fmt.Errorf("%s %s: the answer is not the JSON that was expected: %w", method, c.base+path, err)
	}
	return nil
}

// CloseIdle closes the connections that are not in use.
func (c *Client) CloseIdle() { c.http.HTTPClient.CloseIdleConnections() }

// Resolve returns ref as an absolute URL; a reference that starts with "/" is
// taken relative to the service's base.
func (c *Client) Resolve(ref string) string {
	if strings.HasPrefix(ref, "/") {
		return c.base + ref
	}
	return ref
}

func (c *Client) request(ctx context.Context, method, path string, in any) (*retryablehttp.Request, error) {
	var body any
	if in != nil {
		raw, err := encode(in)
		if err != nil {
			return nil, fmt.Errorf("encode the body of %s %s: %w", method, path, err)
		}
		body = bytes.NewReader(raw)
	}
	req, err := retryablehttp.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("make request %s %s: %w", method, path, err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	return req, nil
}

func readError(status int, body io.Reader) error {
	raw, _ := io.ReadAll(io.LimitReader(body, 4096)) // what could be read is all there is to show
	e := &StatusError{}
	if json.Unmarshal(raw, e) != nil || e.Message == "" {
		e.Message = strings.TrimSpace(string(raw))
	}
	e.Status = status
	e.Message = fmt.Sprintf("%d %s: %s", status, http.StatusText(status), e.Message)
	return e
}

// unwrapURLError drops the "Get http://…:" that Call says itself.
func unwrapURLError(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func drain(body io.ReadCloser) {
	_, _ = io.Copy(io.Discard, io.LimitReader(body, 64<<10)) // only to reuse the connection
	_ = body.Close()
}
