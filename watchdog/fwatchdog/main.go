// Command fwatchdog is the watchdog of a function's container.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/pronghorn-faas/pronghorn/internal/shutdown"
	"github.com/pronghorn-faas/pronghorn/internal/version"
	"github.com/pronghorn-faas/pronghorn/watchdog"
	"github.com/pronghorn-faas/pronghorn/watchdog/config"
	"github.com/pronghorn-faas/pronghorn/watchdog/process"
)

// Exit codes, upstream's.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, exit := shutdown.Context(process.KillDescendants)
	exit(run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("fwatchdog", flag.ContinueOnError)
	flags.SetOutput(stderr)
	showVersion := flags.Bool("version", false, "print the version and exit")
	healthcheck := flags.Bool("run-healthcheck", false, "exit with 0 if the watchdog accepts requests, with 1 if not")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitDone
	case err != nil:
		return exitUsage
	}
	log.New(stderr, "", log.LstdFlags).Printf("Version: %s\tSHA: %s", version.Version, version.Commit())
	if *showVersion {
		return exitDone
	}
	c, err := config.Load(environ)
	if err == nil && *healthcheck {
		_, err = os.Stat(c.LockFile)
	} else if err == nil {
		err = serve(ctx, c, stdout, stderr)
	}
	if err != nil {
		fmt.Fprintln(stderr, "fwatchdog:", err)
		return exitFailed
	}
	return exitDone
}

func serve(ctx context.Context, c config.Config, stdout, stderr io.Writer) error {
	w, err := watchdog.New(ctx, c, stdout, stderr)
	if err != nil {
		return err
	}
	return w.Run(ctx)
}
