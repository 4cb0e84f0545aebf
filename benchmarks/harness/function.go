package harness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Function is a benchmark function.
type Function struct {
	Name string
	// Language is "python" or "java".
	Language string
}

// Functions lists the functions in the directory of build-local.sh.
func Functions(ctx context.Context, benchmarks string) ([]Function, error) {
	out, err := script(ctx, nil, filepath.Join(benchmarks, "build-local.sh"), "--list")
	if err != nil {
		return nil, fmt.Errorf("list benchmark functions: %w", err)
	}
	var all []Function
	for line := range strings.Lines(out) {
		language, name, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			return nil, fmt.Errorf("list benchmark functions: line %q: want LANGUAGE NAME", line)
		}
		all = append(all, Function{Name: name, Language: language})
	}
	return all, nil
}

// assembled is a function that can be started.
type assembled struct {
	name, dir, process, upstream string
	// environment is what the image of its template sets, as NAME=VALUE.
	environment []string
	// services are names of those that it talks to.
	services []string
}

// assemble makes the function ready to run in a directory under Work. One that
// is newer than its sources is left as it is, so that snapshots of it stay good.
func (c Config) assemble(ctx context.Context, name string) (assembled, error) {
	dir, err := filepath.Abs(filepath.Join(cmp.Or(c.Assembled, filepath.Join(c.Work, "functions")), name))
	if err != nil {
		return assembled{}, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return assembled{}, err
	}
	var own []string
	if c.WorkerCPUs > 1 {
		own = append(own, "JAVA_COLLECTOR=") // the JVM's choice
	}
	if _, err := script(ctx, own, c.assembler(), name, dir); err != nil {
		return assembled{}, fmt.Errorf("assemble %s: %w", name, err)
	}
	f := assembled{name: name, dir: dir}
	var errs [4]error
	f.process, errs[0] = oneLine(filepath.Join(dir, "fprocess"))
	f.upstream, errs[1] = oneLine(filepath.Join(dir, "upstream_url"))
	f.services, errs[2] = wordsIn(filepath.Join(dir, "services.txt"))
	f.environment, errs[3] = wordsIn(filepath.Join(dir, "environment"))
	return f, errors.Join(errs[:]...)
}

// script runs a script with further variables in its environment; its error holds what the script had to say.
func script(ctx context.Context, env []string, args ...string) (stdout string, err error) {
	var out, errs strings.Builder
	cmd := exec.CommandContext(ctx, "bash", args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Env = append(os.Environ(), env...)
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", filepath.Base(args[0]), err, strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
}

func oneLine(path string) (string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(raw)), nil
}

// wordsIn reads a file of words; none if there is no file.
func wordsIn(path string) ([]string, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return strings.Fields(string(raw)), err
}
