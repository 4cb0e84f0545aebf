package conformance_test

import (
	"context"
	"net/http"
	"syscall"
	"testing"
)

func TestSIGTERMEndsTheWatchdogInOrder(t *testing.T) {
	t.Parallel()
	for claim, tc := range map[string]struct {
		env       env
		deviation string
	}{
		"with exit code 0":                             {env: env{"FUNCTION_SIGTERM": "0"}},
		"also when the function dies of the signal":    {deviation: "exits 1 at once, dropping requests"},
		"also when the function then ends with a code": {env: env{"FUNCTION_SIGTERM": "3"}, deviation: "exits 1 at once, dropping requests"},
		"also when the function ignores it":            {env: env{"FUNCTION_SIGTERM": "ignore"}},
		"also with healthcheck_interval=0":             {env: env{"healthcheck_interval": "0"}, deviation: "hangs for ever"},
		"also when the function has not yet come up":   {env: env{"FUNCTION_BOOT": "1h"}, deviation: "exits 1 at once"},
		"in the streaming mode":                        {env: env{"mode": "streaming"}},
		"in the serializing mode":                      {env: env{"mode": "serializing"}},
		"in the static mode":                           {env: env{"mode": "static"}},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			deviates(t, tc.deviation)
			w := launch(t, spec{env: tc.env, supervised: true})
			w.awaitHealth()
			w.signal(syscall.SIGTERM)
			if code := w.exitCode(); code != 0 {
				t.Errorf("exit code %d, want 0", code)
			}
			w.nobodyLeft()
		})
	}
}

// nobodyLeft checks that an ended, supervised watchdog left no process behind.
func (w *running) nobodyLeft() {
	w.t.Helper()
	if left := w.stdout.await(w.t, "^left behind: .*$"); left != "left behind: []" {
		w.t.Errorf("got %s", left)
	}
}

// For healthcheck_interval the platform still sends requests.
func TestAfterSIGTERMRequestsAreStillServed(t *testing.T) {
	t.Parallel()
	w := start(t, env{"healthcheck_interval": "1h", "FUNCTION_SIGTERM": "ignore"})
	w.awaitFunction()
	w.signal(syscall.SIGTERM)
	w.await("removal of the lock file", func() bool { return !w.locked() })
	check(t, w.get("/_/health"), answer{Status: 503})
	check(t, w.get("/_/ready"), answer{Status: 503})
	check(t, w.get("/status?code=200"), answer{Status: 200})
	t.Run("and the function is not told yet", func(t *testing.T) {
		deviates(t, "the function gets SIGTERM at once")
		if w.stdout.contains("got SIGTERM") {
			t.Error("it is")
		}
	})
	t.Run("and a second signal ends it at once", func(t *testing.T) {
		deviates(t, "a second SIGTERM is ignored")
		w.signal(syscall.SIGTERM)
		if code := w.exitCode(); code != 128+int(syscall.SIGTERM) {
			t.Errorf("exit code %d, want that of a program that SIGTERM killed", code)
		}
	})
}

func TestSIGTERMDrainsRequests(t *testing.T) {
	t.Parallel()
	deviates(t, "a function without a handler dies of SIGTERM at once, and its requests with it")
	w := start(t, nil)
	got := w.later(request{path: "/held"})
	w.stdout.await(t, "held$")
	w.signal(syscall.SIGTERM)
	w.await("end of listening", func() bool {
		conn, err := w.box.Dial(t.Context(), "tcp", "127.0.0.1:8080")
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	w.direct("/release")
	check(t, <-got, answer{Status: 200, Body: "done"})
	if code := w.exitCode(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

func TestDrainingIsBoundedByWriteTimeout(t *testing.T) {
	t.Parallel()
	w := start(t, env{"write_timeout": "300ms", "exec_timeout": "1h", "FUNCTION_SIGTERM": "0"})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go w.do(request{path: "/held"}.build(ctx, t))
	w.stdout.await(t, "held$")
	w.signal(syscall.SIGTERM)
	if code := w.exitCode(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

func TestSIGINTIsLikeSIGTERM(t *testing.T) {
	t.Parallel()
	deviates(t, "dies of the signal; the lock file and the function stay")
	w := launch(t, spec{supervised: true})
	w.awaitFunction()
	w.signal(syscall.SIGINT)
	if code := w.exitCode(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	w.nobodyLeft()
}

func TestDescendantsOfTheFunctionEndWithIt(t *testing.T) {
	t.Parallel()
	deviates(t, "what the function started lives on")
	for claim, tc := range map[string]struct {
		env  env
		end  func(*running)
		want int
	}{
		"after SIGTERM":                 {nil, func(w *running) { w.signal(syscall.SIGTERM) }, 0},
		"after a second SIGTERM":        {env{"healthcheck_interval": "1h"}, signalTwice, 128 + int(syscall.SIGTERM)},
		"when the function ends itself": {nil, func(w *running) { w.get("/exit?code=3") }, 1},
		"when the function is killed":   {nil, func(w *running) { w.get("/kill") }, 1},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			w := launch(t, spec{supervised: true, env: tc.env})
			w.awaitFunction()
			if got := w.get("/grandchild"); got.Status != http.StatusOK {
				t.Fatalf("no grandchild: %d", got.Status)
			}
			tc.end(w)
			if code := w.exitCode(); code != tc.want {
				t.Errorf("exit code %d, want %d", code, tc.want)
			}
			w.nobodyLeft()
		})
	}
}

// signalTwice sends the second signal when the first has been taken.
func signalTwice(w *running) {
	w.signal(syscall.SIGTERM)
	w.await("removal of the lock file", func() bool { return !w.locked() })
	w.signal(syscall.SIGTERM)
}
