package main

import (
	"encoding/json"
	"io"

	"github.com/spf13/cobra"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

const snapshotsLong = `Look at the snapshots of all functions, check them, remove them, and tidy up.

What is registered is known to the store (--store), or to a running agent
(--agent), which is the way while an agent has a file: store open. The data are
in the pool (--pool). Functions, tables and lineages need no pool; verify and
the packs of show do.`

func newSnapshotsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "snapshots",
		Short: "List, show, verify and remove snapshots",
		Long:  snapshotsLong,
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newSnapshotsLsCommand(), newSnapshotsShowCommand(), newSnapshotsVerifyCommand(),
		newSnapshotsRmCommand(), newSnapshotsGCCommand())
	return cmd
}

// checkNames refuses arguments that cannot be a function followed by snapshots.
func checkNames(args []string) error {
	for i, arg := range args {
		what := "snapshot id"
		if i == 0 {
			what = "function"
		}
		if err := kvstore.CheckName(what, arg); err != nil {
			return usageError{err}
		}
	}
	return nil
}

// functionAndIDs wants between least and most arguments, all of them names;
// most < 0 is no limit.
func functionAndIDs(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || most >= 0 && len(args) > most {
			return usagef("got %d arguments: usage: %s", len(args), cmd.UseLine())
		}
		return checkNames(args)
	}
}

// write prints v as JSON, or calls text.
func write(w io.Writer, output string, v any, text func(io.Writer) error) error {
	if output == outputJSON {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	}
	return text(w)
}
