package main

import (
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/pronghorn-faas/pronghorn/internal/version"
)

func newVersionCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			switch output {
			case "text":
				_, err := fmt.Fprintf(out, "pronghorn %s (commit %s, %s)\n", version.Version, version.Commit(), runtime.Version())
				return err
			case "json":
				return json.NewEncoder(out).Encode(map[string]string{
					"version": version.Version, "commit": version.Commit(), "go": runtime.Version(),
				})
			}
			return usagef("--output %q: want text or json", output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return cmd
}
