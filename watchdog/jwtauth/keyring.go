package jwtauth

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// refreshPause is the least time between two refreshes, however many tokens
	// with unknown keys are sent.
	refreshPause = 10 * time.Second
	// firstPause and longestPause are waited between tries at the start.
	firstPause, longestPause = 50 * time.Millisecond, time.Second
)

// keyring holds what the issuer last said. Readers never wait for a refresh
// unless it is their key that is missing.
type keyring struct {
	source  issuer
	log     *slog.Logger
	now     func() time.Time
	current atomic.Pointer[trust]

	refreshing sync.Mutex // one at a time; guards tried
	tried      time.Time
}

// start fetches the keys, again and again for the given time.
func (k *keyring) start(ctx context.Context, bound time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	var failure error
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		t, err := k.source.fetch(ctx)
		if err == nil {
			k.current.Store(t)
			k.tried = k.now()
			return nil
		}
		if failure == nil || ctx.Err() == nil { // an earlier failure tells more than "out of time"
			failure = err
		}
		select {
		case <-ctx.Done():
			return failure
		case <-time.After(pause):
		}
	}
}

// find returns what is known of the issuer, with the key if it has it. When
// the key is not known, the issuer may have changed its keys, so they are
// fetched again. A caller that goes away does not stop that: its token might be
// made up to keep others from a refresh.
func (k *keyring) find(ctx context.Context, id keyID) *trust {
	if t := k.current.Load(); t.keys[id] != nil {
		return t
	}
	k.refresh(context.WithoutCancel(ctx))
	return k.current.Load()
}

// refresh fetches the keys, unless that was just done: also by another caller,
// who is waited for. When it fails the old keys stay.
func (k *keyring) refresh(ctx context.Context) {
	k.refreshing.Lock()
	defer k.refreshing.Unlock()
	if k.now().Sub(k.tried) < refreshPause {
		return
	}
	k.tried = k.now()
	t, err := k.source.fetch(ctx)
	if err != nil {
		k.log.WarnContext(ctx, "the keys for JWT authentication could not be refreshed: the old ones stay in use", "err", err)
		return
	}
	k.current.Store(t)
}
