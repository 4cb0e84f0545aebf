package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// assembled is a function that can be started.
type assembled struct {
	name, dir, process, upstream string
	// environment is what the image of its template sets, as NAME=VALUE.
	environment []string
}

// assemble makes a benchmark function ready to run in dir.
func assemble(ctx context.Context, script, name, dir string) (assembled, error) {
	f := assembled{name: name, dir: dir}
	if out, err := exec.CommandContext(ctx, "bash", script, name, dir).CombinedOutput(); err != nil {
		return f, fmt.Errorf("assemble %s: %w: %s", name, err, out)
	}
	for file, to := range map[string]*string{"fprocess": &f.process, "upstream_url": &f.upstream} {
		raw, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			return f, fmt.Errorf("assemble %s: %w", name, err)
		}
		*to = strings.TrimSpace(string(raw))
	}
	raw, err := os.ReadFile(filepath.Join(dir, "environment"))
	f.environment = strings.Fields(string(raw))
	return f, err
}
