package watchdog_test

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/sandbox"
	"github.com/pronghorn-faas/pronghorn/internal/syncbuffer"
	"github.com/pronghorn-faas/pronghorn/watchdog/watchdogtest"
)

func TestMain(m *testing.M) {
	sandbox.Init()
	os.Exit(m.Run())
}

func TestWithoutSnapshotsItIsJustAWatchdog(t *testing.T) {
	f := watchdogtest.Assemble(t, "bfs")
	w := watchdogtest.Start(t, watchdogtest.Binary(t), f, []string{"snapshot_criu=/no/such/criu"})
	for i, want := range []string{"1", "2", "3"} {
		resp := w.MustGet("/?mutability=1")
		if got := resp.Header.Get("X-Invocations"); got != want {
			t.Errorf("request %d is invocation %s of its process, want %s", i+1, got, want)
		}
		if resp.Header.Get("X-Duration-Seconds") == "" {
			t.Error("no X-Duration-Seconds")
		}
	}
	if got := w.Metric(`http_requests_total{code="200",method="get"}`); got != 3 {
		t.Errorf("http_requests_total is %v, want 3", got)
	}
	if log := w.Log.String(); strings.Contains(log, "criu") || !strings.Contains(log, "GET /?mutability=1 - 200 OK - ContentLength: ") {
		t.Errorf("the log should have request lines and no word of CRIU:\n%s", log)
	}
	if err := w.Terminate(); err != nil {
		t.Errorf("after SIGTERM: %v, want exit status 0", err)
	}
}

func TestRequestsDuringTheBootWait(t *testing.T) {
	f := watchdogtest.Assemble(t, "simple-hash")
	w := watchdogtest.Start(t, watchdogtest.Binary(t), f, nil)
	// Health is 200 already (Start waits for it); the JVM is not up yet.
	if resp := w.MustGet("/"); !strings.HasPrefix(resp.Body, "SimpleHash took ") {
		t.Errorf("got %q", resp.Body)
	}
}

func TestFunctionThatCannotStartIsAFailure(t *testing.T) {
	for name, process := range map[string]string{"no such program": "/no/such/program", "ends at once": "/bin/false"} {
		t.Run(name, func(t *testing.T) {
			f := watchdogtest.Function{Name: "broken", Dir: "/", Process: process, Upstream: "http://127.0.0.1:5000"}
			var log syncbuffer.Buffer
			s, err := sandbox.Start(t.Context(), sandbox.Spec{
				Args: []string{watchdogtest.Binary(t)}, Stderr: &log,
				Env: []string{"mode=http", "fprocess=" + f.Process, "upstream_url=" + f.Upstream, "TMPDIR=/dev/shm"},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			select {
			case <-s.Done():
			case <-time.After(10 * time.Second):
				t.Fatal("the watchdog lives on without a function")
			}
			if err := s.Wait(); err == nil || !strings.Contains(err.Error(), "exit status 1") {
				t.Errorf("ended with %v, want exit status 1\n%s", err, log.String())
			}
		})
	}
}

func TestBadSettingsAreNamed(t *testing.T) {
	bin := watchdogtest.Binary(t)
	for name, tc := range map[string]struct{ env, want string }{
		"mode":            {"mode=nonsense", `mode "nonsense"`},
		"upstream":        {"upstream_url=nonsense", `upstream_url "nonsense"`},
		"agent":           {"snapshot_agent_url=nonsense", `snapshot_agent_url "nonsense"`},
		"pid":             {"snapshot_pid=7", `snapshot_pid "7"`},
		"pause":           {"snapshot_max_pause=soon", `snapshot_max_pause "soon"`},
		"eviction":        {"snapshot_evict_after=-1", `snapshot_evict_after "-1"`},
		"artifact's form": {"ENV=cold,perhaps,4", `EVICT is "perhaps"`},
		"function":        {"snapshot_function=a/b", `"a/b"`},
		"hook":            {"snapshot_hook_after_restore=x", `snapshot_hook_after_restore "x"`},
	} {
		t.Run(name, func(t *testing.T) {
			var log syncbuffer.Buffer
			s, err := sandbox.Start(t.Context(), sandbox.Spec{
				Args: []string{bin}, Stderr: &log,
				// The first of two settings of a variable counts.
				Env: []string{tc.env, "mode=http", "fprocess=/bin/false", "upstream_url=http://127.0.0.1:5000", "snapshot_agent_url=http://127.0.0.1:1"},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.Wait(); err == nil || !strings.Contains(log.String(), tc.want) {
				t.Errorf("ended with %v, log %q: want a failure that says %q", err, log.String(), tc.want)
			}
		})
	}
}

func TestHealthIgnoresTheFunction(t *testing.T) {
	f := watchdogtest.Function{Name: "mute", Dir: "/", Process: "/bin/sleep 60", Upstream: "http://127.0.0.1:5000"}
	w := watchdogtest.Start(t, watchdogtest.Binary(t), f, []string{"exec_timeout=300ms"})
	resp, err := w.Get("/")
	if err != nil || resp.Status != http.StatusGatewayTimeout {
		t.Errorf("a request for a function that never listens: %d, %v; want 504 after exec_timeout", resp.Status, err)
	}
	if resp, err := w.Client.Post("http://127.0.0.1:8080/_/health", "", nil); err != nil || resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST /_/health: %v, %v; want 405", resp, err)
	}
}
