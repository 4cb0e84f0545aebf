// Package shutdown turns the signals that ask a program to end into the end of
// a context.
package shutdown

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// Context ends at the first SIGINT or SIGTERM, which asks for an orderly end.
// The second ends the program at once, with the exit code that shells give a
// program killed by that signal. It is done explicitly, because a process with
// id 1, as in a container, would otherwise ignore it. What each of last does,
// which must be quick, comes before that end.
//
// The program's orderly end is a call of exit: once the second signal has
// come, its exit code is the one that counts.
func Context(last ...func()) (ctx context.Context, exit func(code int)) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	var end sync.Once
	go func() {
		<-signals
		cancel()
		if second, ok := (<-signals).(syscall.Signal); ok {
			end.Do(func() { exitAfter(last, 128+int(second)) })
		}
	}()
	return ctx, func(code int) { end.Do(func() { os.Exit(code) }) }
}

func exitAfter(last []func(), code int) {
	for _, f := range last {
		f()
	}
	os.Exit(code)
}
