package main

import (
	"math/rand/v2"
	"net/url"
	"strconv"
	"time"

	"github.com/pronghorn-faas/pronghorn/agent/server"
	"github.com/pronghorn-faas/pronghorn/policy"
	"github.com/pronghorn-faas/pronghorn/snapshot/pool"
)

// agentOptions are the flags of "pronghorn agent", as they are given.
type agentOptions struct {
	listenAddr, store, pool, strategy string
	kvListen, kvURL, tokenFile        string
	seed, lease, urlTTL               string
}

// config checks the options that need nothing opened.
func (o agentOptions) config() (server.Config, error) {
	cfg := server.Config{DefaultStrategy: o.strategy}
	var err error
	if cfg.Auth, err = readAuth(o.tokenFile); err != nil {
		return cfg, err
	}
	if _, err := policy.Parse(o.strategy); err != nil {
		return cfg, usagef("--strategy: %w", err)
	}
	if err := pool.Check(o.pool); err != nil {
		return cfg, usagef("--pool: %w", err)
	}
	if o.kvURL != "" && !isServiceURL(o.kvURL) {
		return cfg, usagef("--kv-url %q: want http://HOST:PORT or https://HOST:PORT", o.kvURL)
	}
	if cfg.Rand, err = parseSeed(o.seed); err != nil {
		return cfg, err
	}
	if cfg.Lease, err = parseDuration("--lease", o.lease); err != nil {
		return cfg, err
	}
	if cfg.URLTTL, err = parseDuration("--url-ttl", o.urlTTL); err != nil {
		return cfg, err
	}
	if err := server.CheckTimes(cfg.Lease, cfg.URLTTL); err != nil {
		return cfg, usageError{err}
	}
	return cfg, nil
}

func isServiceURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

func parseSeed(text string) (policy.Rand, error) {
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return nil, usagef("--seed %q: want a whole number, 0 or more", text)
	}
	if seed == 0 {
		seed = rand.Uint64()
	}
	return server.NewRand(seed), nil
}

func parseDuration(flag, text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, usagef("%s %q: want a duration above 0, such as 2m30s", flag, text)
	}
	return d, nil
}
