package containertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/require"
)

// mainImage is the image that every function's Dockerfile copies from.
const mainImage = "ghcr.io/pronghorn-faas/pronghorn:latest"

// docker runs the Docker client; PRONGHORN_DOCKER names another one.
func docker(ctx context.Context, args ...string) (string, error) {
	program := os.Getenv("PRONGHORN_DOCKER")
	if program == "" {
		program = "/usr/bin/docker"
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=1")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("docker %s: %w\n%s", strings.Join(args, " "), err, tail(stderr.String(), 3000))
	}
	return strings.TrimSpace(stdout.String()), nil
}

func mustDocker(t testing.TB, args ...string) string {
	t.Helper()
	out, err := docker(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// needEngine asks for an engine with our image, as `make containers` sets up.
func needEngine(t testing.TB) {
	t.Helper()
	_, err := docker(t.Context(), "image", "inspect", mainImage)
	require.Component(t, "docker", err == nil, fmt.Sprintf("no engine with %s answers: run make containers (%v)", mainImage, err))
}

// build makes an image of a directory with a Dockerfile.
func build(t testing.TB, tag, dir string, args ...string) string {
	t.Helper()
	mustDocker(t, append(append([]string{"build", "--network=host", "--tag", tag}, args...), dir)...)
	return tag
}

// functionImage builds the image of a handler directory with a template, as
// faas-cli does.
func functionImage(t testing.TB, template, handler string) string {
	t.Helper()
	tree := filepath.Join(t.TempDir(), "tree")
	cmd := exec.CommandContext(t.Context(), "../assemble.sh", "../../template/"+template, handler, tree)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return build(t, "pronghorn-test/"+template+"-"+strings.ReplaceAll(filepath.Base(handler), "_", "-"), tree)
}

// container is a running container of a function.
type container struct {
	t    testing.TB
	id   string
	base string // URL of the watchdog
}

// start runs a container; args are options of docker run. It is removed when
// the test ends.
func start(t testing.TB, image string, args ...string) *container {
	t.Helper()
	c := &container{t: t, id: mustDocker(t, append(append([]string{"run", "--detach"}, args...), image)...)}
	t.Cleanup(c.remove)
	ip := mustDocker(t, "inspect", "--format", "{{.NetworkSettings.IPAddress}}", c.id)
	c.base = "http://" + ip + ":8080"
	return c
}

func (c *container) remove() {
	if c.id == "" {
		return
	}
	if c.t.Failed() {
		c.t.Logf("log of container %.12s:\n%s", c.id, tail(c.logs(), 4000))
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := docker(ctx, "rm", "--force", c.id); err != nil && !errors.Is(err, context.Canceled) {
		c.t.Log(err)
	}
	c.id = ""
}

// logs is everything that the container has written.
func (c *container) logs() string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	both := exec.CommandContext(ctx, "/usr/bin/docker", "logs", c.id)
	if program := os.Getenv("PRONGHORN_DOCKER"); program != "" {
		both.Path = program
	}
	out, err := both.CombinedOutput()
	if err != nil {
		return err.Error()
	}
	return string(out)
}

// waitForLog waits until the log holds text.
func (c *container) waitForLog(text string) {
	c.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if strings.Contains(c.logs(), text) {
			return
		}
	}
	c.t.Fatalf("the log never held %q", text)
}

func tail(text string, n int) string {
	if len(text) > n {
		return "…" + text[len(text)-n:]
	}
	return text
}
