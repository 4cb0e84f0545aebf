package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/kvstore/backend"
	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/snapshot/pool"
)

// Values of --output.
const (
	outputText = "text"
	outputJSON = "json"
)

const (
	defaultStore = "file:pronghorn-kv.db"
	defaultPool  = "dir:pronghorn-pool"
)

// snapshotOptions are the flags that say where the snapshots are. "" is not
// given.
type snapshotOptions struct {
	store, pool, agent, tokenFile, output string
}

// addFlags declares the flags; withAgent is whether an agent will do instead
// of a store.
func (o *snapshotOptions) addFlags(cmd *cobra.Command, withAgent bool) {
	flags := cmd.Flags()
	envFlag(flags, &o.store, "store", "PRONGHORN_STORE", "", "where the state is kept, "+backend.Forms+" or http://HOST:PORT (default \""+defaultStore+"\")")
	envFlag(flags, &o.pool, "pool", "PRONGHORN_POOL", "", "where the snapshots are kept, "+pool.Forms+" (default \""+defaultPool+"\")")
	envFlag(flags, &o.tokenFile, "token-file", "PRONGHORN_TOKEN_FILE", "", "file with the operator's token, for an agent or a KV service")
	flags.StringVarP(&o.output, "output", "o", outputText, "text or json")
	if withAgent {
		envFlag(flags, &o.agent, "agent", "PRONGHORN_AGENT", "", "ask this agent, http://HOST:PORT, instead of a store")
	}
}

// check reports what can never work; it opens nothing.
func (o *snapshotOptions) check() error {
	if o.output != outputText && o.output != outputJSON {
		return usagef("--output %q: want text or json", o.output)
	}
	if o.agent != "" && !isServiceURL(o.agent) {
		return usagef("--agent %q: want http://HOST:PORT or https://HOST:PORT", o.agent)
	}
	if o.pool != "" {
		if err := pool.Check(o.pool); err != nil {
			return usagef("--pool: %w", err)
		}
	}
	return nil
}

// openStore opens the store, but makes none: an empty one knows no snapshot,
// and would have the whole pool swept.
func (o *snapshotOptions) openStore(ctx context.Context) (kvstore.Store, error) {
	url := orDefault(o.store, defaultStore)
	if err := exists("--store", url, "file:"); err != nil {
		return nil, err
	}
	return agentOptions{store: url, tokenFile: o.tokenFile}.openStore(ctx)
}

// openPool opens the pool, which has to be there.
func (o *snapshotOptions) openPool(ctx context.Context) (snapshot.Pool, error) {
	url := orDefault(o.pool, defaultPool)
	if err := exists("--pool", url, "dir:"); err != nil {
		return nil, err
	}
	return openPool(ctx, url)
}

// openPoolIfAny opens the pool unless an agent is asked and no pool is given.
func (o *snapshotOptions) openPoolIfAny(ctx context.Context) (snapshot.Pool, error) {
	if o.agent != "" && o.pool == "" {
		return nil, nil
	}
	return o.openPool(ctx)
}

func orDefault(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// exists refuses a URL of a local path at which there is nothing.
func exists(flag, url, scheme string) error {
	path, local := strings.CutPrefix(url, scheme)
	if !local {
		return nil
	}
	_, err := os.Stat(strings.TrimPrefix(path, "//"))
	if errors.Is(err, fs.ErrNotExist) {
		return usagef("%s %s: there is nothing at that path", flag, url)
	}
	return nil
}
