package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/pronghorn-faas/pronghorn/agent/server"
	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/kvstore/backend"
	kvserver "github.com/pronghorn-faas/pronghorn/kvstore/server"
	"github.com/pronghorn-faas/pronghorn/policy"
	"github.com/pronghorn-faas/pronghorn/snapshot/pool"
)

const agentLong = `Run the policy agent: it plans the lifetimes of workers, keeps the snapshot
pool, and shows on a web page what it decided and why.

The state is in a store: a file of this process alone (file:PATH), a Redis
server (redis://…), or a KV service (http://HOST:PORT). With --kv-listen the
agent also is the KV service that workers report their latencies to, which is
the way to run everything in one process.

The snapshots are in a pool: a directory (dir:PATH), whose objects the agent
serves to the workers itself, or a bucket (s3://…), which they read and write
by presigned URLs. A bucket that is not there is made, at the start and later;
while its server is away functions start cold. One pool belongs to one store: objects that the store does
not know are deleted after an hour.

Without a token the services only listen on loopback addresses.`

func newAgentCommand() *cobra.Command {
	var o agentOptions
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Run the policy agent",
		Long:  agentLong,
		Example: `  pronghorn agent --kv-listen 127.0.0.1:5000
  pronghorn agent --store redis://redis:6379 --pool 's3://minio:9000/checkpoints?insecure=true' \
      --listen :8090 --kv-listen :5000 --kv-url http://pronghorn:5000 --token-file /run/secrets/token`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
			return runAgent(cmd.Context(), log, o)
		},
	}
	o.addFlags(cmd)
	return cmd
}

// runAgent serves until ctx ends or a service fails. Nobody is answered before
// the store is there; the agent does without the pool's server until it is.
func runAgent(ctx context.Context, log *slog.Logger, o agentOptions) (err error) {
	cfg, err := o.config()
	if err != nil {
		return err
	}
	cfg.Log = log
	listeners, err := o.listen(cfg.Auth)
	if err != nil {
		return err
	}
	defer listeners.close() // those that are served are closed by then
	if cfg.KVURL, err = o.workersKV(listeners.kv); err != nil {
		return err
	}
	if cfg.Store, err = o.openStore(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cfg.Store.Close()) }()
	if cfg.Pool, err = pool.Connect(o.pool); err != nil { // its server may come later
		return fmt.Errorf("--pool: %w", err)
	}
	agent, err := server.New(cfg)
	if err != nil {
		return usageError{err}
	}
	if cfg.KVURL == "" {
		log.Warn("plans name no KV service: give --kv-listen or --kv-url, or set snapshot_kv_url in every worker")
	}
	return serveAgent(ctx, log, listeners, agent, cfg)
}

// serveAgent runs the services and the upkeep; when one ends, all do.
func serveAgent(ctx context.Context, log *slog.Logger, l listeners, agent *server.Server, cfg server.Config) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { agent.Run(ctx); return nil })
	serve := func(what string, ln net.Listener, h http.Handler) {
		log.Info(what+" is listening", "addr", ln.Addr().String(), "token", cfg.Auth.Enabled())
		group.Go(func() error { return httpx.Serve(ctx, ln, h) })
	}
	serve("policy agent", l.agent, agent.Handler())
	if l.kv != nil {
		serve("KV service", l.kv, kvserver.New(cfg.Store, cfg.Auth))
	}
	return group.Wait()
}

// listeners are the addresses that the command has taken; kv may be nil.
type listeners struct{ agent, kv net.Listener }

func (l listeners) close() {
	for _, ln := range []net.Listener{l.agent, l.kv} {
		if ln != nil {
			_ = ln.Close() // it may have been served and closed
		}
	}
}

func (o agentOptions) listen(auth httpx.Auth) (l listeners, err error) {
	if l.agent, err = listenFlag(auth, "--listen", o.listenAddr); err != nil {
		return l, err
	}
	if o.kvListen == "" {
		return l, nil
	}
	if l.kv, err = listenFlag(auth, "--kv-listen", o.kvListen); err != nil {
		l.close()
	}
	return l, err
}

// workersKV is the KV service that workers are told.
func (o agentOptions) workersKV(kv net.Listener) (string, error) {
	switch {
	case o.kvURL != "":
		return o.kvURL, nil
	case kv == nil && o.remoteStore():
		return o.store, nil
	case kv == nil:
		return "", nil
	}
	addr := kv.Addr().(*net.TCPAddr)
	if addr.IP.IsUnspecified() {
		return "", usagef("--kv-listen %s: workers cannot reach that address as it is: say with --kv-url how they do", o.kvListen)
	}
	return "http://" + addr.String(), nil
}

func (o agentOptions) remoteStore() bool {
	return strings.HasPrefix(o.store, "http://") || strings.HasPrefix(o.store, "https://")
}

func (o agentOptions) openStore(ctx context.Context) (kvstore.Store, error) {
	if !o.remoteStore() {
		return openStore(ctx, o.store)
	}
	token, err := readToken(o.tokenFile)
	if err != nil {
		return nil, err
	}
	client, err := kvstore.NewClient(o.store, token)
	if err != nil {
		return nil, usagef("--store: %w", err)
	}
	return client, nil
}

// addFlags declares the flags of "pronghorn agent".
func (o *agentOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	envFlag(flags, &o.listenAddr, "listen", "PRONGHORN_LISTEN", "127.0.0.1:8090", "address to listen on, HOST:PORT")
	envFlag(flags, &o.store, "store", "PRONGHORN_STORE", "file:pronghorn-kv.db", "where the state is kept, "+backend.Forms+" or http://HOST:PORT")
	envFlag(flags, &o.pool, "pool", "PRONGHORN_POOL", "dir:pronghorn-pool", "where the snapshots are kept, "+pool.Forms)
	envFlag(flags, &o.strategy, "strategy", "PRONGHORN_STRATEGY", policy.DefaultSpec, "strategy spec of functions that name none")
	envFlag(flags, &o.kvListen, "kv-listen", "PRONGHORN_KV_LISTEN", "", "also serve the KV API on this address")
	envFlag(flags, &o.kvURL, "kv-url", "PRONGHORN_KV_URL", "", "KV service that workers are told (default: that of --kv-listen, or an http:// store)")
	envFlag(flags, &o.tokenFile, "token-file", "PRONGHORN_TOKEN_FILE", "", "file with the operator's token; empty = no token")
	envFlag(flags, &o.seed, "seed", "PRONGHORN_SEED", "0", "seed of all draws; 0 = a random one")
	envFlag(flags, &o.lease, "lease", "PRONGHORN_LEASE", server.DefaultLease.String(), "how long a snapshot's data stay after it left the pool")
	envFlag(flags, &o.urlTTL, "url-ttl", "PRONGHORN_URL_TTL", server.DefaultURLTTL.String(), "how long the URL of an object is good")
}
