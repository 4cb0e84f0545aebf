package conformance_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"syscall"
	"testing"

	"github.com/pronghorn-faas/pronghorn/internal/shutdown"
	"github.com/pronghorn-faas/pronghorn/watchdog"
	"github.com/pronghorn-faas/pronghorn/watchdog/config"
)

// runInProcess is a Go program that is its own function.
func runInProcess() int {
	ctx, _ := shutdown.Context()
	c, err := config.Load(os.Environ())
	if err == nil {
		err = serveInProcess(ctx, c)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func serveInProcess(ctx context.Context, c config.Config) error {
	hello := func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "hello %s", r.URL.Path) }
	w, err := watchdog.NewInProcess(ctx, c, http.HandlerFunc(hello), os.Stderr)
	if err != nil {
		return err
	}
	return w.Run(ctx)
}

func TestInProcess(t *testing.T) {
	t.Parallel()
	deviates(t, "the Go API has other names, so that its programs are built anew")
	program(t) // for what it requires
	w := launchProgram(t, []string{self(t), asInProcess}, spec{env: env{"mode": "inproc", "fprocess": "", "log_callid": "true"}})
	w.awaitHealth()
	check(t, w.get("/a"), answer{Status: 200, Body: "hello /a"})
	w.stderr.await(t, `GET /a - 200 - ContentLength: 8B \(0\.\d{4}s\) \[none\]$`)
	if got := w.metric(`http_requests_total{code="200",method="get"}`); got != 1 {
		t.Errorf("%v requests counted, want 1", got)
	}
	w.signal(syscall.SIGTERM)
	if code := w.exitCode(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

func TestInProcessNeedsItsProgram(t *testing.T) {
	t.Parallel()
	deviates(t, "starts, and every request panics")
	w := launch(t, spec{env: env{"mode": "inproc"}})
	if code := w.exitCode(); code != 1 || !w.stderr.contains("inproc") {
		t.Errorf("exit code %d, want 1 and a word of the mode", code)
	}
}
