// Package backend has the stores of the KV service: over one file (bbolt), the
// default, and over a Redis server. Both pass the suite in kvstore/storetest
// and compute bit for bit the same tables. What they keep and where is written
// down in docs/kv-api.md.
package backend

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// Forms are the store URLs that Open takes, for help texts and errors.
const Forms = "file:PATH or redis://[USER:PASSWORD@]HOST:PORT[/DB]"

// Open opens the store that the URL names; see Forms. A URL that no store has
// is kvstore.ErrInvalid. The store must be closed.
func Open(ctx context.Context, url string) (kvstore.Store, error) {
	s, err := open(ctx, url)
	if err != nil {
		return nil, err
	}
	return checked{s}, nil
}

func open(ctx context.Context, url string) (kvstore.Store, error) {
	scheme, rest, ok := strings.Cut(url, ":")
	switch {
	case ok && scheme == "file":
		return openFile(rest, time.Now)
	case ok && scheme == "redis":
		return openRedis(ctx, url)
	case ok && strings.HasPrefix(rest, "//"):
		return nil, fmt.Errorf("%w: store with scheme %q: want %s", kvstore.ErrInvalid, scheme, Forms)
	}
	return nil, fmt.Errorf("%w: store %q: want %s", kvstore.ErrInvalid, url, Forms)
}
