package lifetime

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
)

// Hooks are HTTP paths of the function that are called around a snapshot, so
// that it can close pools, reseed random numbers, reread secrets.
type Hooks struct {
	// Base is the URL of the function, without a path.
	Base string
	// Before is called before a checkpoint, After after a restore; "" = none.
	Before, After string
}

// waitingHeader tells a before-checkpoint hook how many requests wait for the
// checkpoint to end, so that it leaves out what can be left out.
const waitingHeader = "X-Pronghorn-Waiting"

func (h Hooks) beforeCheckpoint(ctx context.Context, function http.RoundTripper, waiting int) error {
	return h.call(ctx, function, h.Before, http.Header{waitingHeader: {strconv.Itoa(waiting)}})
}

func (h Hooks) afterRestore(ctx context.Context, function http.RoundTripper) error {
	return h.call(ctx, function, h.After, nil)
}

func (h Hooks) call(ctx context.Context, function http.RoundTripper, path string, header http.Header) error {
	if path == "" {
		return nil
	}
	if err := ask(ctx, function, http.MethodPost, strings.TrimRight(h.Base, "/")+path, header); err != nil {
		return fmt.Errorf("hook %s: %w", path, err)
	}
	return nil
}

// askReady asks a restored function whether it is ready.
func (m *Manager) askReady(ctx context.Context) error {
	if m.ReadyURL == "" {
		return nil
	}
	if err := ask(ctx, m.conns, http.MethodGet, m.ReadyURL, nil); err != nil {
		return fmt.Errorf("ready_path: %w", err)
	}
	return nil
}

// How much of an answer is read, in bytes: to show, and to use the connection
// again.
const (
	shownBody = 512
	leastBody = 64 << 10
)

// ask sends a request to the function. Any 2xx is a yes.
func ask(ctx context.Context, function http.RoundTripper, method, url string, header http.Header) error {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return err
	}
	maps.Copy(req.Header, header)
	resp, err := function.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, shownBody))
	if err != nil {
		return fmt.Errorf("read the function's answer: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the function answered %s: %s", resp.Status, strings.TrimSpace(string(text)))
	}
	_, _ = io.CopyN(io.Discard, resp.Body, leastBody) // what is longer costs a connection
	return nil
}
