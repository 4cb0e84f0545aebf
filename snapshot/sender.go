package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

const (
	tries      = 5                     // of one object, the first included
	minWait    = 50 * time.Millisecond // between two tries
	maxWait    = 2 * time.Second
	maxExcerpt = 512 // bytes of an answer that an error shows
	ioBuffer   = 256 << 10
	readBuffer = 8 << 10 // frames are larger, and read past it
)

// newTransport has no limit on the whole of a request, as objects have any
// size, but one on every step before data flows.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		ExpectContinueTimeout: time.Second,
		IdleConnTimeout:       time.Minute,
		ReadBufferSize:        readBuffer,
		WriteBufferSize:       ioBuffer,
		DisableCompression:    true,
	}
}

// newRetrying sends again what may pass: refused and cut connections,
// timeouts, 429 and 5xx.
func newRetrying(c *http.Client) *retryablehttp.Client {
	return &retryablehttp.Client{
		HTTPClient:   c,
		RetryMax:     tries - 1,
		RetryWaitMin: minWait,
		RetryWaitMax: maxWait,
		CheckRetry:   again,
		Backoff:      backoff,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
}

// again decides whether a try is repeated. An error of this side (a full disk,
// an image that changed), a refusal and corrupt data stay what they are.
func again(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	var local *fs.PathError
	var status *statusError
	switch {
	case errors.As(err, &local), errors.Is(err, ErrCorrupt), errors.Is(err, ErrFormat), errors.Is(err, ErrNoKey), errors.Is(err, errChanged):
		return false, err
	case errors.As(err, &status):
		return status.mayPass(), err
	}
	return retryablehttp.DefaultRetryPolicy(ctx, resp, err)
}

// backoff doubles from lo to hi. A server's Retry-After is not asked: a worker
// that waits for its snapshot had better start cold.
func backoff(lo, hi time.Duration, attempt int, _ *http.Response) time.Duration {
	return retryablehttp.DefaultBackoff(lo, hi, attempt, nil)
}

// sender sends the requests of one transfer and counts the bytes that moved. A
// transport may still read a body when the answer is there, so the count is
// atomic.
type sender struct {
	http  *retryablehttp.Client
	moved *atomic.Int64
}

func newSender(c *retryablehttp.Client) *sender { return &sender{http: c, moved: new(atomic.Int64)} }

// get hands the object at url to handle, which is called again, with the object
// from its beginning, when it failed because the connection did.
func (s *sender) get(ctx context.Context, url string, handle func(io.Reader) error) error {
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return bare(err)
	}
	req.Header.Set("Accept-Encoding", "identity") // the checksums are of the bytes as they are stored
	return s.do(req, func(resp *http.Response) error {
		return handle(counter{resp.Body, s.moved})
	})
}

// body is what a PUT sends. Its length becomes the Content-Length, on which S3
// insists.
type body interface {
	io.ReadCloser
	Len() int
}

// put sends to url what open returns; every try opens its own.
func (s *sender) put(ctx context.Context, url string, open func() (body, error)) error {
	counted := func() (io.Reader, error) {
		b, err := open()
		return countedBody{b, s.moved}, err
	}
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodPut, url, counted)
	if err != nil {
		return bare(err)
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	req.Header.Set("Expect", "100-continue") // who may not write learns it before sending it all
	return s.do(req, func(*http.Response) error { return nil })
}

func (s *sender) do(req *retryablehttp.Request, handle func(*http.Response) error) error {
	req.SetResponseHandler(func(resp *http.Response) error {
		defer resp.Body.Close()
		if resp.StatusCode/100 != 2 {
			return readStatus(resp)
		}
		return handle(resp)
	})
	resp, err := s.http.Do(req)
	if err == nil && resp.StatusCode/100 != 2 { // after the last try nobody handled the answer
		defer resp.Body.Close()
		err = readStatus(resp)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", where(req.Request), bare(err))
	}
	return nil
}

// where names a request without the query of its URL, as that of a presigned
// one is a credential.
func where(req *http.Request) string {
	return fmt.Sprintf("%s %s://%s%s", req.Method, req.URL.Scheme, req.URL.Host, req.URL.Path)
}

// bare drops the URL that net/http puts into its errors: the query of a
// presigned URL is a credential.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// statusError is an answer that is not 2xx.
type statusError struct {
	status  int
	excerpt string
}

func readStatus(resp *http.Response) error {
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, maxExcerpt)) // what could be read is all there is to show
	return &statusError{status: resp.StatusCode, excerpt: strings.TrimSpace(string(raw))}
}

func (e *statusError) Error() string {
	text := strconv.Itoa(e.status) + " " + http.StatusText(e.status)
	if e.excerpt == "" {
		return text
	}
	return fmt.Sprintf("%s: %q", text, e.excerpt)
}

// mayPass tells a server that is busy or broken from one that refuses.
func (e *statusError) mayPass() bool {
	return e.status == http.StatusTooManyRequests || e.status >= 500 && e.status != http.StatusNotImplemented
}

// Is makes a missing object ErrNotExist, as it is with a Pool.
func (e *statusError) Is(target error) bool {
	return target == ErrNotExist && e.status == http.StatusNotFound
}

// counter adds what is read to n.
type counter struct {
	io.Reader
	n *atomic.Int64
}

func (c counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// countedBody is a counter that keeps the length of the body.
type countedBody struct {
	body
	n *atomic.Int64
}

func (c countedBody) Read(p []byte) (int, error) { return counter{c.body, c.n}.Read(p) }
