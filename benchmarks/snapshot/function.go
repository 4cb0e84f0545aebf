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
type assembled struct{ name, dir, process, upstream string }

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
	return f, nil
}
