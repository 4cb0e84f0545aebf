// Command snapshot measures checkpoints and starts from snapshots: ours, by a
// real fwatchdog with agent, KV service and MinIO, beside the way of the
// published artifact, which runs CRIU from the command line and moves image
// files one by one. See docs/snapshot-speed.md.
package main

import (
	"context"
	"os"

	"github.com/pronghorn-faas/pronghorn/benchmarks/command"
)

func main() { command.Main("snapshot", run) }

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == referenceRole {
		return serveReference()
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	r, err := measure(ctx, o)
	if err != nil {
		return err
	}
	r.print(os.Stdout)
	return command.WriteJSON(o.out, r)
}
