package main

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/kvstore/backend"
	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/snapshot/pool"
)

// What follows opens what the flags of the services name. A value that can
// never work is wrong usage, one that does not work now a failure.

func readToken(path string) (string, error) {
	token, err := httpx.ReadToken(path)
	if err != nil {
		return "", usagef("--token-file %q: %w", path, err)
	}
	return token, nil
}

func readAuth(tokenFile string) (httpx.Auth, error) {
	token, err := readToken(tokenFile)
	return httpx.NewAuth(token), err
}

func listenFlag(auth httpx.Auth, flag, addr string) (net.Listener, error) {
	if _, err := net.ResolveTCPAddr("tcp", addr); err != nil {
		return nil, usagef("%s %q: want HOST:PORT, such as 127.0.0.1:8090: %w", flag, addr, err)
	}
	ln, err := auth.Listen(addr)
	if errors.Is(err, httpx.ErrOpen) {
		return nil, usagef("%s: %w", flag, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return ln, nil
}

func openStore(ctx context.Context, url string) (kvstore.Store, error) {
	store, err := backend.Open(ctx, url)
	if errors.Is(err, kvstore.ErrInvalid) {
		return nil, usagef("--store: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("--store: %w", err)
	}
	return store, nil
}

func openPool(ctx context.Context, url string) (snapshot.Pool, error) {
	p, err := pool.Open(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("--pool: %w", err)
	}
	return p, nil
}
