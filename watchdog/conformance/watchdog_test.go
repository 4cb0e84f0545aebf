package conformance_test

import (
	"errors"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/sandbox"
)

// Where things are in a sandbox.
const (
	mainURL     = "http://127.0.0.1:8080"
	metricsURL  = "http://127.0.0.1:8081/metrics"
	functionURL = "http://127.0.0.1:5000"
	lockFile    = "/dev/shm/.lock"
)

// patience is how long anything that must happen is waited for.
const patience = 10 * time.Second

// env are environment variables.
type env map[string]string

// spec says how a watchdog is started.
type spec struct {
	// env is set on top of the defaults; an empty value unsets a default.
	env env
	// args are the watchdog's arguments.
	args []string
	// taken are TCP ports that somebody else has.
	taken []string
	// supervised is set when the watchdog is not to be the first process; issuer
	// then is a directory of files on port 8000.
	supervised bool
	issuer     string
}

// running is a watchdog in a sandbox of its own.
type running struct {
	t              *testing.T
	box            *sandbox.Sandbox
	client         *http.Client
	stdout, stderr *transcript
}

// start starts a watchdog with the HTTP function, and waits until it is healthy.
func start(t *testing.T, e env) *running {
	t.Helper()
	w := launch(t, spec{env: e})
	w.awaitHealth()
	return w
}

// launch starts a watchdog. It ends with the test.
func launch(t *testing.T, s spec) *running {
	t.Helper()
	args := append([]string{program(t)}, s.args...)
	if s.supervised {
		args = append([]string{self(t), asSupervise, s.issuer}, args...)
	}
	return launchProgram(t, args, s)
}

func launchProgram(t *testing.T, args []string, s spec) *running {
	t.Helper()
	w := &running{t: t, stdout: &transcript{}, stderr: &transcript{}}
	var forward []string
	for _, port := range s.taken {
		forward = append(forward, "127.0.0.1:"+port)
	}
	box, err := sandbox.Start(t.Context(), sandbox.Spec{
		Args: args, Env: environ(t, s.env), Stdout: w.stdout, Stderr: w.stderr, Forward: forward,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.box, w.client = box, box.Client()
	w.client.Timeout = patience
	t.Cleanup(func() {
		_ = box.Close()
		if t.Failed() {
			t.Logf("stdout:\n%s\nstderr:\n%s", w.stdout, w.stderr)
		}
	})
	return w
}

// environ is that of a watchdog with the HTTP function, changed by e.
func environ(t *testing.T, e env) []string {
	t.Helper()
	all := env{
		"PATH": os.Getenv("PATH"), "TMPDIR": "/dev/shm", "mode": "http", "healthcheck_interval": "1ms",
		"fprocess": self(t) + " " + asFunction, "upstream_url": functionURL,
	}
	maps.Copy(all, e)
	var list []string
	for name, value := range all {
		if value != "" {
			list = append(list, name+"="+value)
		}
	}
	return list
}

// awaitHealth waits until the watchdog accepts requests.
func (w *running) awaitHealth() {
	w.t.Helper()
	w.await("health", func() bool {
		return w.get("/_/health").Status == http.StatusOK
	})
}

// await waits for what no event tells of. It fails when the watchdog ends.
func (w *running) await(what string, happened func() bool) {
	w.t.Helper()
	for end := time.Now().Add(patience); !happened(); {
		if time.Now().After(end) {
			w.t.Fatalf("no %s within %s", what, patience)
		}
		select {
		case <-w.box.Done():
			w.t.Fatalf("no %s: the watchdog has ended: %v", what, w.box.Wait())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// signal sends a signal to the first process.
func (w *running) signal(s syscall.Signal) {
	w.t.Helper()
	if err := w.box.Signal(s); err != nil {
		w.t.Fatal(err)
	}
}

// exitCode waits for the end of the watchdog.
func (w *running) exitCode() int {
	w.t.Helper()
	select {
	case <-w.box.Done():
	case <-time.After(patience):
		w.t.Fatalf("the watchdog has not ended within %s", patience)
	}
	err := w.box.Wait()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	w.t.Fatal(err)
	return -1
}

// dial opens a raw connection to the watchdog.
func (w *running) dial() net.Conn {
	w.t.Helper()
	conn, err := w.box.Dial(w.t.Context(), "tcp", "127.0.0.1:8080")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}
