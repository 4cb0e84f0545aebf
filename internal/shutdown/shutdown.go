// Package shutdown turns the signals that ask a program to end into the end of
// a context.
package shutdown

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Context ends at the first SIGINT or SIGTERM, which asks for an orderly end.
// The second ends the program at once, with the exit code that shells give a
// program killed by that signal. It is done explicitly, because a process with
// id 1, as in a container, would otherwise ignore it. What each of last does,
// which must be quick, comes before that end.
func Context(last ...func()) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		if second, ok := (<-signals).(syscall.Signal); ok {
			for _, f := range last {
				f()
			}
			os.Exit(128 + int(second))
		}
	}()
	return ctx, cancel
}
