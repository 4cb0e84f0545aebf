// Command snapshot measures checkpoints and starts from snapshots: ours, by a
// real fwatchdog with agent, KV service and MinIO, beside the way of the
// published artifact, which runs CRIU from the command line and moves image
// files one by one. See docs/snapshot-speed.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/pronghorn-faas/pronghorn/internal/sandbox"
)

func main() {
	sandbox.Init()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:])
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return
	}
	fmt.Fprintln(os.Stderr, "snapshot:", err)
	stop()
	os.Exit(1)
}

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
	return r.write(o.out)
}
