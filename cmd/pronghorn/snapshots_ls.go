package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/agent/server"
	"github.com/pronghorn-faas/pronghorn/internal/bytesize"
	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/policy"
)

// lsOptions are the flags of "pronghorn snapshots ls".
type lsOptions struct {
	snapshotOptions
	strategy string
	eviction int
	all      bool
}

func newSnapshotsLsCommand() *cobra.Command {
	var o lsOptions
	cmd := &cobra.Command{
		Use:   "ls [FUNCTION]",
		Short: "List the snapshots",
		Long: `List the snapshots: after which request they were taken, how old they are, the
size of the image, what of it is in their own objects and what in the packs of
others, and what they are worth now: the score of the paper's policy, and the
probability with which the strategy restores each on a new worker of its
platform. An agent knows the strategy and the eviction rate that a function
used last; with a store, give them.`,
		Args: functionAndIDs(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runLs(cmd.Context(), cmd.OutOrStdout(), append(args, "")[0], o)
		},
	}
	o.addFlags(cmd, true)
	flags := cmd.Flags()
	flags.StringVar(&o.strategy, "strategy", "", "strategy to weigh by (default: the function's, else "+policy.DefaultSpec+")")
	flags.IntVar(&o.eviction, "eviction", 0, "requests that a lifetime serves (default: the function's, else not known)")
	flags.BoolVar(&o.all, "all", false, "also those that have left the pool but are not deleted yet")
	return cmd
}

// snapshotRow is one snapshot as it is listed.
type snapshotRow struct {
	Function string `json:"function"`
	kvstore.Entry
	// State is "live", "quarantined", "deleted" (a tombstone) or "condemned".
	State string `json:"state"`
	// Score and RestoreProbability are what a live one is worth.
	Score              float64 `json:"score"`
	RestoreProbability float64 `json:"restore_probability"`
}

func runLs(ctx context.Context, w io.Writer, fn string, o lsOptions) error {
	if _, err := policy.Parse(cmp.Or(o.strategy, policy.DefaultSpec)); err != nil {
		return usagef("--strategy: %w", err)
	}
	if o.eviction < 0 {
		return usagef("--eviction %d: want 0 (not known) or more", o.eviction)
	}
	s, err := o.openSource(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	functions, err := functionsOf(ctx, s, fn)
	if err != nil {
		return err
	}
	rows := []snapshotRow{}
	for _, f := range functions {
		worth, err := o.weigh(f)
		if err != nil {
			return err
		}
		rows = append(rows, rowsOf(f, worth, o.all)...)
	}
	return write(w, o.output, rows, func(w io.Writer) error { return printRows(w, rows, time.Now()) })
}

func rowsOf(f agent.Function, worth map[string]snapshotRow, all bool) []snapshotRow {
	var rows []snapshotRow
	for _, e := range f.Pool {
		if e.Live() || all {
			row := worth[e.ID]
			row.Function, row.Entry, row.State = f.State.Function, e, stateOf(e)
			rows = append(rows, row)
		}
	}
	return rows
}

func stateOf(e kvstore.Entry) string {
	switch {
	case !e.Condemned.IsZero():
		return "condemned"
	case !e.Live():
		return "deleted"
	case server.Quarantined(e):
		return "quarantined"
	}
	return "live"
}

// weigh returns what the usable snapshots are worth, by id.
func (o lsOptions) weigh(f agent.Function) (map[string]snapshotRow, error) {
	strategy, err := policy.Parse(cmp.Or(o.strategy, f.Strategy, policy.DefaultSpec))
	if err != nil {
		return nil, fmt.Errorf("function %s: %w", f.State.Function, err)
	}
	byPlatform := map[string]policy.State{}
	for _, e := range f.Pool {
		if stateOf(e) != "live" {
			continue
		}
		ps := byPlatform[e.Platform]
		ps.Latencies, ps.Eviction = f.LatenciesUS, cmp.Or(o.eviction, f.Eviction)
		ps.Pool = append(ps.Pool, policy.Snapshot{ID: e.ID, RequestNumber: e.RequestNumber})
		byPlatform[e.Platform] = ps
	}
	worth := map[string]snapshotRow{}
	for _, ps := range byPlatform {
		weighPlatform(worth, strategy, ps)
	}
	return worth, nil
}

func weighPlatform(worth map[string]snapshotRow, strategy policy.Strategy, ps policy.State) {
	for _, s := range ps.Pool {
		worth[s.ID] = snapshotRow{Score: ps.Score(s.RequestNumber)}
	}
	for _, option := range strategy.Start(ps) {
		if row, known := worth[option.ID]; known {
			row.RestoreProbability += option.Probability
			worth[option.ID] = row
		}
	}
}

func printRows(w io.Writer, rows []snapshotRow, now time.Time) error {
	if len(rows) == 0 {
		_, err := fmt.Fprintln(w, "no snapshots")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "FUNCTION\tSNAPSHOT\tREQUEST\tAGE\tIMAGE\tOWN\tSHARED\tSCORE\tRESTORED\tFAILED\tSTATE\tPLATFORM")
	var image, own, shared int64
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s\t%s\t%s\t%.4g\t%.3g %%\t%d\t%s\t%s\n",
			r.Function, r.ID, r.RequestNumber, age(now.Sub(r.Created)), bytesize.Format(r.Bytes), bytesize.Format(r.StoredBytes),
			bytesize.Format(r.SharedBytes), r.Score, 100*r.RestoreProbability, len(r.Failures), r.State, r.Platform)
		image, own, shared = image+r.Bytes, own+r.StoredBytes, shared+r.SharedBytes
	}
	fmt.Fprintf(t, "\t%d\t\t\t%s\t%s\t%s\n", len(rows), bytesize.Format(image), bytesize.Format(own), bytesize.Format(shared))
	return t.Flush()
}

// age is how old something is, in its largest unit.
func age(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}
