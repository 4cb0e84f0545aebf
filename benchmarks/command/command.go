// Package command is what the main functions of measuring programs share.
package command

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pronghorn-faas/pronghorn/internal/sandbox"
	"github.com/pronghorn-faas/pronghorn/internal/shutdown"
)

// Main runs a program that starts sandboxes, until it is done or interrupted,
// and ends the process: with 1 and the error, under the program's name, if
// there is one. That help was asked for is none.
func Main(name string, run func(ctx context.Context, args []string) error) {
	sandbox.Init() // does not return in the copy of the program that sets up a sandbox
	ctx, exit := shutdown.Context()
	err := run(ctx, os.Args[1:])
	if err == nil || errors.Is(err, flag.ErrHelp) {
		exit(0)
	}
	fmt.Fprintln(os.Stderr, name+":", err)
	exit(1)
}

// WriteJSON writes v to a file, indented, and makes its directory if need be.
func WriteJSON(file string, v any) error {
	encoded, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, append(encoded, '\n'), 0o644)
}
