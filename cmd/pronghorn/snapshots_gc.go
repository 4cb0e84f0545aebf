package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/pronghorn-faas/pronghorn/agent/server"
	"github.com/pronghorn-faas/pronghorn/internal/bytesize"
	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// gcOptions are the flags of "pronghorn snapshots gc".
type gcOptions struct {
	snapshotOptions
	lease  string
	dryRun bool
}

func newSnapshotsGCCommand() *cobra.Command {
	var o gcOptions
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Do one round of the agent's upkeep now",
		Long: `Do one round of the agent's upkeep and sweep now: delete what left the pool
longer than the lease ago and nothing refers to, repack packs of which little is
needed, and delete objects older than an hour that the store does not know. It
may run beside agents; --lease must not be shorter than theirs. It needs the
store itself, or its KV service (--store http://HOST:PORT).`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
			return runGC(cmd.Context(), cmd.OutOrStdout(), log, o)
		},
	}
	o.addFlags(cmd, false)
	envFlag(cmd.Flags(), &o.lease, "lease", "PRONGHORN_LEASE", server.DefaultLease.String(), "how long a snapshot's data stay after it left the pool")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "change nothing, list what would be done")
	return cmd
}

func runGC(ctx context.Context, w io.Writer, log *slog.Logger, o gcOptions) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	cfg := server.Config{Rand: server.NewRand(1), Log: log}
	if cfg.Lease, err = parseDuration("--lease", o.lease); err != nil {
		return err
	}
	if cfg.Store, err = o.openStore(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cfg.Store.Close()) }()
	if cfg.Pool, err = o.openPool(ctx); err != nil {
		return err
	}
	agent, err := server.New(cfg)
	if err != nil {
		return usageError{err}
	}
	if err := refuseEmpty(ctx, cfg.Store); err != nil {
		return err
	}
	done, err := agent.Tidy(ctx, o.dryRun)
	done = append([]server.Chore{}, done...) // [], never null
	return errors.Join(err, write(w, o.output, done, func(w io.Writer) error { return printChores(w, done, o.dryRun) }))
}

// refuseEmpty keeps a store that was given by mistake from having the pool
// deleted.
func refuseEmpty(ctx context.Context, store kvstore.Store) error {
	names, err := store.Functions(ctx)
	if err == nil && len(names) == 0 {
		err = errors.New("the store knows no function, so everything in the pool would be deleted: is --store the one that belongs to the pool?")
	}
	return err
}

func printChores(w io.Writer, done []server.Chore, dryRun bool) error {
	objects := 0
	for _, c := range done {
		if c.Action == server.ActionDelete {
			objects++
		}
		fmt.Fprintln(w, choreText(c))
	}
	did := "deleted"
	if dryRun {
		did = "would be deleted"
	}
	_, err := fmt.Fprintf(w, "%d objects %s\n", objects, did)
	return err
}

func choreText(c server.Chore) string {
	switch c.Action {
	case server.ActionDelete:
		return "delete " + c.Object
	case server.ActionRepack:
		return fmt.Sprintf("repack %s/%s: saves %s once the old pack is gone", c.Function, c.Snapshot, bytesize.Format(c.Bytes))
	}
	return c.Action + " " + c.Function + "/" + c.Snapshot
}
