package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/pronghorn-faas/pronghorn/policy"
)

const explainLong = `Explain reads the state of a function as JSON and prints the exact probabilities
of what the strategy would do next, so that any decision can be checked against
the formulas (docs/policy.md).

Input:
  strategy        strategy spec: cold, fixed&request_to_checkpoint=K, request_centric&…
  eviction        E, the requests that a lifetime serves; 0 = never evicted
  max_requests    W, the slots of the latency table (default: as many as given)
  latencies_us    expected latency in µs by request number, 0 = unseen
  pool            snapshots in order of registration: id, request_number (default: none)
  request_number  R, where the lifetime starts of which a checkpoint may be taken

Output:
  start           probability by snapshot id; "" is a cold start
  checkpoint      probability by request number; empty = no checkpoint`

const explainExample = `  pronghorn policy explain <<'END'
  {"strategy": "request_centric&max_capacity=12", "eviction": 2,
   "latencies_us": [900000, 800000, 400000, 200000, 200000, 250000],
   "pool": [{"id": "a", "request_number": 1}, {"id": "b", "request_number": 3}],
   "request_number": 1}
  END`

func newPolicyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Look into the strategies",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newPolicyExplainCommand())
	return cmd
}

func newPolicyExplainCommand() *cobra.Command {
	var file, output string
	cmd := &cobra.Command{
		Use:     "explain",
		Short:   "Print the exact probabilities of a strategy's decisions in a state",
		Long:    explainLong,
		Example: explainExample,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "json" {
				return usagef("--output %q: want json", output)
			}
			return explainPolicy(cmd.InOrStdin(), cmd.OutOrStdout(), file)
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "-", "read the state from this file, - = standard input")
	cmd.Flags().StringVarP(&output, "output", "o", "json", "json")
	return cmd
}

// explainPolicy answers the query in file, or in stdin if that is "-".
func explainPolicy(stdin io.Reader, stdout io.Writer, file string) error {
	data, err := readInput(stdin, file)
	if err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	query, err := policy.ParseQuery(data)
	if err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	explanation, err := policy.Explain(query)
	if err != nil {
		return fmt.Errorf("explain: %w", err)
	}
	encoder := json.NewEncoder(stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(explanation)
}

func readInput(stdin io.Reader, file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(file)
}
