package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/kvstore/backend"
	"github.com/pronghorn-faas/pronghorn/kvstore/server"
)

// kvOptions are the flags of "pronghorn kv".
type kvOptions struct {
	listen, store, tokenFile string
}

func newKVCommand() *cobra.Command {
	var o kvOptions
	cmd := &cobra.Command{
		Use:   "kv",
		Short: "Run the KV service",
		Long: `Run the KV service: the latency tables, pool entries and parameters of all
functions, over HTTP. It also answers the API of the published artifact.

The store is a file of this process alone (file:PATH), or a Redis server
(redis://[USER:PASSWORD@]HOST:PORT[/DB]), which several services can share.
Without a token it only listens on loopback addresses.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
			return runKV(cmd.Context(), log, o)
		},
	}
	flags := cmd.Flags()
	envFlag(flags, &o.listen, "listen", "PRONGHORN_LISTEN", "127.0.0.1:5000", "address to listen on, HOST:PORT")
	envFlag(flags, &o.store, "store", "PRONGHORN_STORE", "file:pronghorn-kv.db", "where the state is kept, "+backend.Forms)
	envFlag(flags, &o.tokenFile, "token-file", "PRONGHORN_TOKEN_FILE", "", "file with the operator's token; empty = no token")
	return cmd
}

// runKV serves until ctx ends. The address is taken first, as it costs nothing
// to give back; nobody is answered before the store is open.
func runKV(ctx context.Context, log *slog.Logger, o kvOptions) (err error) {
	auth, err := readAuth(o.tokenFile)
	if err != nil {
		return err
	}
	ln, err := listenFlag(auth, "--listen", o.listen)
	if err != nil {
		return err
	}
	store, err := openStore(ctx, o.store)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	log.Info("KV service is listening", "addr", ln.Addr().String(), "token", auth.Enabled())
	return httpx.Serve(ctx, ln, server.New(store, auth))
}
