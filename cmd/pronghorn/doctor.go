package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/watchdog/config"
	"github.com/pronghorn-faas/pronghorn/watchdog/doctor"
)

// counterCommand is the hidden subcommand that doctor takes a snapshot of.
const counterCommand = "doctor-counter"

// doctorFlags are named like the watchdog's variables, from which they come.
type doctorFlags struct {
	doctor.Options
	tokenFile, command, output string
	noTrial                    bool
}

func newDoctorCommand() *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out whether functions can have hot starts here",
		Long: `Find out whether functions can have hot starts here, in this container or on
this machine: is there a CRIU, may it be used, does it work, is there room for
images, does the agent answer. A process is dumped, killed and restored to make
sure. Every finding comes with what to do about it.

Run it in a function's container, where it takes the settings from the same
variables as the watchdog, or anywhere with flags.

Exit code 0 if hot starts are possible, 1 if not.`,
		Example: `  pronghorn doctor
  kubectl exec deploy/bfs -- pronghorn doctor -o json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	envFlag(flags, &f.CRIU, "criu", "snapshot_criu", os.Getenv("PRONGHORN_CRIU"), "the CRIU program (default: /opt/pronghorn/criu, else the PATH)")
	envFlag(flags, &f.StagingDir, "dir", "snapshot_dir", config.DefaultStagingDir(), "where images are staged")
	envFlag(flags, &f.CacheDir, "cache-dir", "snapshot_cache_dir", "", "node-local cache")
	envFlag(flags, &f.KeyFile, "key-file", "snapshot_key_file", "", "file with encryption keys")
	envFlag(flags, &f.AgentURL, "agent", "snapshot_agent_url", "", "the policy agent's URL")
	envFlag(flags, &f.Function, "function", "snapshot_function", os.Getenv("OPENFAAS_NAME"), "name of the function")
	envFlag(flags, &f.tokenFile, "token-file", "snapshot_token_file", "", "file with the function's token")
	envFlag(flags, &f.command, "command", "fprocess", "", "the function's command")
	flags.BoolVar(&f.noTrial, "no-trial", false, "dump and restore nothing")
	flags.StringVarP(&f.output, "output", "o", "text", "text or json")
	return cmd
}

func (f *doctorFlags) run(cmd *cobra.Command) error {
	if f.output != "text" && f.output != "json" {
		return usagef("--output %q: want text or json", f.output)
	}
	if f.AgentURL != "" && f.Function == "" {
		return usagef("--agent without --function: the agent is asked about one function")
	}
	if err := f.complete(); err != nil {
		return err
	}
	checks := doctor.Run(cmd.Context(), f.Options)
	if err := printChecks(cmd.OutOrStdout(), checks, f.output); err != nil {
		return err
	}
	if !doctor.Healthy(checks) {
		return errors.New("no hot starts here: functions start cold, and serve")
	}
	return nil
}

func (f *doctorFlags) complete() error {
	f.Command = strings.Fields(f.command)
	if f.tokenFile != "" {
		token, err := httpx.ReadToken(f.tokenFile)
		if err != nil {
			return fmt.Errorf("--token-file: %w", err)
		}
		f.Token = token
	}
	if f.noTrial {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	f.Counter = []string{self, counterCommand}
	return nil
}

func printChecks(w io.Writer, checks []doctor.Check, output string) error {
	if output == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(map[string]any{"healthy": doctor.Healthy(checks), "checks": checks})
	}
	for _, c := range checks {
		if _, err := fmt.Fprintf(w, "%-8s %-18s %s\n", c.Status, c.Name, c.Detail); err != nil {
			return err
		}
		if c.Remedy == "" {
			continue
		}
		if _, err := fmt.Fprintf(w, "%-8s %-18s → %s\n", "", "", c.Remedy); err != nil {
			return err
		}
	}
	return nil
}

// newCounterCommand is what doctor dumps and restores: it must need nothing of
// the image that it runs in.
func newCounterCommand() *cobra.Command {
	return &cobra.Command{
		Use: counterCommand, Hidden: true, Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return doctor.Count(cmd.Context(), cmd.OutOrStdout()) },
	}
}
