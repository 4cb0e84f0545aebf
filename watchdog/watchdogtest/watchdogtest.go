// Package watchdogtest runs the real fwatchdog with real functions in
// sandboxes, for integration tests.
package watchdogtest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/require"
	"github.com/pronghorn-faas/pronghorn/internal/sandbox"
	"github.com/pronghorn-faas/pronghorn/internal/syncbuffer"
	"github.com/pronghorn-faas/pronghorn/snapshot/criu"
)

// Function is a function that has been assembled for running without a container.
type Function struct {
	Name, Dir, Process, Upstream string
	// Environment is what the image of its template sets, as NAME=VALUE.
	Environment []string
}

// root is the root of the repository.
func root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// Binary builds fwatchdog, or returns the one that WATCHDOG_BIN names.
func Binary(t testing.TB) string {
	t.Helper()
	require.Root(t) // whoever asks for it starts it in a sandbox
	if bin := os.Getenv("WATCHDOG_BIN"); bin != "" {
		return bin
	}
	return build(t, "fwatchdog")
}

// Mortal builds the watchdog that can be killed at any step; see its package.
func Mortal(t testing.TB) string {
	t.Helper()
	require.Root(t)
	return build(t, "watchdogtest/mortal")
}

// Counter builds the function "counter"; see its package.
func Counter(t testing.TB) Function {
	t.Helper()
	require.Root(t)
	bin := build(t, "watchdogtest/counter")
	return Function{Name: "counter", Dir: filepath.Dir(bin), Process: "./counter", Upstream: "http://127.0.0.1:5000"}
}

// build builds the program of a package under watchdog/, in a directory of its
// own, which stays: what is up to date need not be linked again.
func build(t testing.TB, pkg string) string {
	t.Helper()
	name := filepath.Base(pkg)
	bin := filepath.Join(root(), "bin", "test", name, name)
	cmd := exec.Command("go", "build", "-o", bin, "./watchdog/"+pkg)
	cmd.Dir = root()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
	return bin
}

// Assemble assembles a benchmark function, "bfs" or "simple-hash".
func Assemble(t testing.TB, name string) Function {
	t.Helper()
	require.Root(t)
	switch name {
	case "bfs":
		require.Program(t, "pypy", "pypy3")
	default:
		require.Program(t, "jvm", "javac")
	}
	dir := filepath.Join(t.TempDir(), name)
	cmd := exec.Command(filepath.Join(root(), "benchmarks", "build-local.sh"), name, dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("assemble %s: %v\n%s", name, err, out)
	}
	return Function{
		Name: name, Dir: dir, Process: line(t, dir, "fprocess"), Upstream: line(t, dir, "upstream_url"),
		Environment: strings.Fields(line(t, dir, "environment")),
	}
}

func line(t testing.TB, dir, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(raw))
}

// RequireCRIU asks for root and a CRIU.
func RequireCRIU(t testing.TB) {
	t.Helper()
	require.Root(t)
	_, err := criu.Find(os.Getenv("PRONGHORN_CRIU"))
	require.Component(t, "criu", err == nil, fmt.Sprint(err))
}

// Watchdog is a running fwatchdog in a sandbox.
type Watchdog struct {
	t       testing.TB
	Sandbox *sandbox.Sandbox
	Client  *http.Client
	// Log is what the watchdog and its function print.
	Log *syncbuffer.Buffer
}

// Start starts fwatchdog for f with env on top of the defaults, and forwards
// the host's addresses into the sandbox. It ends with the test.
func Start(t testing.TB, bin string, f Function, env []string, forward ...string) *Watchdog {
	t.Helper()
	w := Launch(t, bin, f, env, sandbox.Spec{Forward: forward})
	w.AwaitHealth()
	return w
}

// Launch is Start in a sandbox of which place says what is special about it. It
// does not wait for anything.
func Launch(t testing.TB, bin string, f Function, env []string, place sandbox.Spec) *Watchdog {
	t.Helper()
	require.Root(t)
	log := &syncbuffer.Buffer{}
	place.Args = []string{bin}
	place.Env = lastOnes(slices.Concat([]string{
		"PATH=" + os.Getenv("PATH"), "TMPDIR=/dev/shm", "mode=http", "fprocess=" + f.Process, "upstream_url=" + f.Upstream,
		"healthcheck_interval=1ms", "snapshot_function=" + f.Name, "snapshot_headers=true",
	}, f.Environment, env))
	place.Dir, place.Stdout, place.Stderr = f.Dir, log, log
	s, err := sandbox.Start(context.Background(), place)
	if err != nil {
		t.Fatal(err)
	}
	w := &Watchdog{t: t, Sandbox: s, Client: s.Client(), Log: log}
	t.Cleanup(func() {
		_ = s.Close()
		if t.Failed() {
			t.Logf("the watchdog's log:\n%s", log.String())
		}
	})
	return w
}

// lastOnes leaves out what is set again later: of a variable that is there
// twice a program would see the first.
func lastOnes(env []string) []string {
	var last []string
	seen := map[string]bool{}
	for _, variable := range slices.Backward(env) {
		name, _, _ := strings.Cut(variable, "=")
		if !seen[name] {
			seen[name] = true
			last = append(last, variable)
		}
	}
	return last
}

// AwaitHealth waits until the watchdog accepts requests.
func (w *Watchdog) AwaitHealth() {
	w.t.Helper()
	for range 1000 {
		resp, err := w.Client.Get("http://127.0.0.1:8080/_/health")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-w.Sandbox.Done():
			w.t.Fatalf("the watchdog has ended: %v\n%s", w.Sandbox.Wait(), w.Log.String())
		case <-time.After(10 * time.Millisecond):
		}
	}
	w.t.Fatalf("not healthy after 10 s\n%s", w.Log.String())
}

// Response is an answer that has been read.
type Response struct {
	Status int
	Header http.Header
	Body   string
}

// Get sends a request to the function.
func (w *Watchdog) Get(path string) (Response, error) {
	resp, err := w.Client.Get("http://127.0.0.1:8080" + path)
	if err != nil {
		return Response{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return Response{resp.StatusCode, resp.Header, string(body)}, err
}

// MustGet is Get for a request that must be answered 200.
func (w *Watchdog) MustGet(path string) Response {
	w.t.Helper()
	resp, err := w.Get(path)
	if err != nil || resp.Status != http.StatusOK {
		w.t.Fatalf("GET %s: status %d, error %v, body %q", path, resp.Status, err, resp.Body)
	}
	return resp
}

// Metric returns the value of a sample of /metrics, such as
// `pronghorn_lifetimes_total{reason="planned",start="cold"}`; 0 if it is not
// there. The label "function", which all of ours have, is left out.
func (w *Watchdog) Metric(sample string) float64 {
	w.t.Helper()
	resp, err := w.Client.Get("http://127.0.0.1:8081/metrics")
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	for line := range strings.Lines(withoutFunction(string(body))) {
		if rest, ok := strings.CutPrefix(line, sample+" "); ok {
			var v float64
			if _, err := fmt.Sscan(rest, &v); err != nil {
				w.t.Fatalf("metric %s: %v", sample, err)
			}
			return v
		}
	}
	return 0
}

// withoutFunction returns metrics without the function's name.
func withoutFunction(metrics string) string {
	rest := regexp.MustCompile(`function="[^"]*",?`).ReplaceAllString(metrics, "")
	return strings.NewReplacer(",}", "}", "{}", "").Replace(rest)
}

// Terminate sends SIGTERM and returns how the watchdog ended.
func (w *Watchdog) Terminate() error {
	w.t.Helper()
	if err := w.Sandbox.Signal(syscall.SIGTERM); err != nil {
		w.t.Fatal(err)
	}
	select {
	case <-w.Sandbox.Done():
		return w.Sandbox.Wait()
	case <-time.After(30 * time.Second):
		w.t.Fatal("the watchdog does not end within 30 s of SIGTERM")
		return nil
	}
}
