// Command pronghorn runs Pronghorn's services and tools; see pronghorn --help.
package main

import (
	"os"

	"github.com/pronghorn-faas/pronghorn/internal/sandbox"
	"github.com/pronghorn-faas/pronghorn/internal/shutdown"
)

func main() {
	sandbox.Init() // does not return in the copy of the program that sets up a sandbox
	ctx, exit := shutdown.Context()
	exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
