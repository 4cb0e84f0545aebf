package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

func newTokenCommand() *cobra.Command {
	var tokenFile, output string
	cmd := &cobra.Command{
		Use:   "token FUNCTION",
		Short: "Print a function's token",
		Long: `Print the token of a function, which is derived from the operator's. It is good
for that function's plans, snapshots and latency reports and for nothing else;
put it where the function's containers find it, as the secret pronghorn-token.`,
		Example: `  pronghorn token bfs --token-file operator-token | faas-cli secret create bfs-token`,
		Args:    oneFunction,
		RunE: func(cmd *cobra.Command, args []string) error {
			return printToken(cmd.OutOrStdout(), args[0], tokenFile, output)
		},
	}
	envFlag(cmd.Flags(), &tokenFile, "token-file", "PRONGHORN_TOKEN_FILE", "", "file with the operator's token")
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return cmd
}

func oneFunction(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usagef("got %d arguments: want the name of one function", len(args))
	}
	if err := kvstore.CheckName("function", args[0]); err != nil {
		return usageError{err}
	}
	return nil
}

func printToken(w io.Writer, fn, tokenFile, output string) error {
	auth, err := readAuth(tokenFile)
	if err != nil {
		return err
	}
	if !auth.Enabled() {
		return usagef("no operator's token: give --token-file; without a token the services need none")
	}
	switch output {
	case "text":
		_, err = fmt.Fprintln(w, auth.FunctionToken(fn))
		return err
	case "json":
		return json.NewEncoder(w).Encode(map[string]string{"function": fn, "token": auth.FunctionToken(fn)})
	}
	return usagef("--output %q: want text or json", output)
}
