package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func newSnapshotsRmCommand() *cobra.Command {
	var o snapshotOptions
	cmd := &cobra.Command{
		Use:   "rm FUNCTION ID...",
		Short: "Unregister snapshots",
		Long: `Unregister snapshots: no worker is sent there any more. Their objects are
deleted by the agent after the lease, when no worker can still be restoring
them; a pack that other snapshots share stays until they have gone too.`,
		Args: functionAndIDs(2, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runRm(cmd.Context(), cmd.OutOrStdout(), args[0], args[1:], o)
		},
	}
	o.addFlags(cmd, true)
	return cmd
}

// removedSnapshots is what rm prints as JSON.
type removedSnapshots struct {
	Function string   `json:"function"`
	Removed  []string `json:"removed"`
}

// runRm removes all that it can, and then reports what it could not.
func runRm(ctx context.Context, w io.Writer, fn string, ids []string, o snapshotOptions) error {
	s, err := o.openSource(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	done := removedSnapshots{Function: fn, Removed: []string{}}
	var failed error
	for _, id := range ids {
		if err := s.RemoveSnapshot(ctx, fn, id); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		done.Removed = append(done.Removed, id)
	}
	return errors.Join(failed, write(w, o.output, done, done.print))
}

func (r removedSnapshots) print(w io.Writer) error {
	for _, id := range r.Removed {
		if _, err := fmt.Fprintf(w, "%s is unregistered; the agent deletes its objects after the lease\n", id); err != nil {
			return err
		}
	}
	return nil
}
