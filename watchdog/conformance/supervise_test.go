package conformance_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// supervise is the first process of a sandbox where the watchdog is not: it
// starts the watchdog, hands SIGTERM and SIGINT on to it, and when it has ended
// prints which processes it left behind and ends in the same way. The first
// argument names a directory of files that it serves on port 8000, as the
// issuer of tokens; "" = none. The others are the watchdog and its arguments.
func supervise(args []string) int {
	if args[0] != "" {
		go func() {
			fmt.Fprintln(os.Stderr, http.ListenAndServe("127.0.0.1:8000", http.FileServer(http.Dir(args[0]))))
		}()
	}
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 9
	}
	go func() {
		for s := range signals {
			_ = cmd.Process.Signal(s)
		}
	}()
	err := cmd.Wait()
	fmt.Printf("left behind: %q\n", leftBehind())
	return codeOf(err)
}

func codeOf(err error) int {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return 0
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return exit.ExitCode()
}

// leftBehind are the commands of all other processes, but for those that are
// gone after a moment, since a kill takes one.
func leftBehind() []string {
	var left []string
	for range 50 {
		if left = others(); len(left) == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return left
}

func others() []string {
	entries, _ := os.ReadDir("/proc")
	var names []string
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		command, err := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		if err == nil && len(command) > 0 { // zombies have no command line
			names = append(names, string(bytes.ReplaceAll(bytes.TrimRight(command, "\x00"), []byte{0}, []byte{' '})))
		}
	}
	return names
}
