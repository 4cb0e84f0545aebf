// Command mortal is fwatchdog for tests that kill it: the kernel ends it, and
// with it all of its container, as soon as it has done the step that
//
//	PRONGHORN_KILL_AT=STEP[+DELAY]
//
// names, or DELAY after that, while it goes on; so it can also die in the
// middle of what CRIU does for it. With PRONGHORN_STEPS=true it says of every
// step that it is done.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pronghorn-faas/pronghorn/internal/shutdown"
	"github.com/pronghorn-faas/pronghorn/watchdog"
	"github.com/pronghorn-faas/pronghorn/watchdog/config"
	"github.com/pronghorn-faas/pronghorn/watchdog/process"
)

// killed is the exit status that a shell gives a process that got SIGKILL. No
// process may send that signal to the first one of its own container, but the
// end of that one is the end of all others, without a word to any of them.
const killed = 128 + int(unix.SIGKILL)

func main() {
	ctx, exit := shutdown.Context(process.KillDescendants)
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "mortal:", err)
		exit(1)
	}
	exit(0)
}

func run(ctx context.Context) error {
	faults, err := faultsFrom(os.Getenv("PRONGHORN_KILL_AT"), os.Getenv("PRONGHORN_STEPS") == "true")
	if err != nil {
		return err
	}
	c, err := config.Load(os.Environ())
	if err != nil {
		return err
	}
	c.Snapshot.Faults = faults
	w, err := watchdog.New(ctx, c, os.Stdout, os.Stderr)
	if err != nil {
		return err
	}
	return w.Run(ctx)
}

func faultsFrom(killAt string, tell bool) (func(string), error) {
	name, after, delayed := strings.Cut(killAt, "+")
	var delay time.Duration
	if delayed {
		var err error
		if delay, err = time.ParseDuration(after); err != nil {
			return nil, fmt.Errorf("PRONGHORN_KILL_AT %q: want STEP or STEP+DELAY: %w", killAt, err)
		}
	}
	return func(step string) {
		if tell {
			fmt.Fprintf(os.Stderr, "step %q is done\n", step)
		}
		switch {
		case step != name:
		case delay > 0:
			time.AfterFunc(delay, die)
		default:
			die()
		}
	}, nil
}

func die() { unix.Exit(killed) }
