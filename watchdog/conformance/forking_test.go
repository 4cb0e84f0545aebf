package conformance_test

import (
	"bufio"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// forking are the settings of a mode that starts a process per request, which
// runs a shell script. The shell reads it: a file that is still open for
// writing somewhere could not be executed.
func forking(t *testing.T, mode, script string, more env) env {
	t.Helper()
	path := filepath.Join(t.TempDir(), "function.sh")
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	e := env{"mode": mode, "fprocess": "/bin/sh " + path, "upstream_url": ""}
	maps.Copy(e, more)
	return e
}

var forkingModes = []string{"streaming", "serializing"}

func eachForkingMode(t *testing.T, test func(t *testing.T, mode string)) {
	t.Helper()
	for _, mode := range forkingModes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			test(t, mode)
		})
	}
}

func TestProcessPerRequest(t *testing.T) {
	t.Parallel()
	const octets = "application/octet-stream"
	for claim, tc := range map[string]struct {
		script  string
		env     env
		request request
		want    answer
	}{
		"what it prints is the answer": {script: "echo hello", want: answer{Status: 200, Body: "hello\n", Header: map[string]string{"Content-Type": octets}}},
		"the body is its input":        {script: "cat", request: request{method: "POST", body: "in"}, want: answer{Status: 200, Body: "in"}},
		"it may print nothing":         {script: "exit 0", want: answer{Status: 200}},
		"the content type can be set":  {script: "echo '{}'", env: env{"content_type": "application/json"}, want: answer{Status: 200, Body: "{}\n", Header: map[string]string{"Content-Type": "application/json"}}},
		"it is told of the request": {
			script:  `echo "$Http_Method $Http_Path $Http_Query $Http_Content_Length $Http_X_Key${Http_Host:-}"`,
			request: request{method: "PUT", path: "/a?b=c", body: "123", header: map[string]string{"X-Key": "v"}},
			want:    answer{Status: 200, Body: "PUT /a b=c 3 v\n"},
		},
		"it has the watchdog's environment": {script: `echo "$SETTING"`, env: env{"SETTING": "on"}, want: answer{Status: 200, Body: "on\n"}},
	} {
		t.Run(claim, func(t *testing.T) {
			eachForkingMode(t, func(t *testing.T, mode string) {
				w := start(t, forking(t, mode, tc.script, tc.env))
				check(t, w.send(tc.request), tc.want)
			})
		})
	}
}

func TestProcessPerRequestFails(t *testing.T) {
	t.Parallel()
	const leave, partly, tooSlow = "exit 4", "echo part; exit 4", "echo part; sleep 60"
	slow := env{"exec_timeout": "300ms"}
	failed := map[string]string{"X-OpenFaaS-Internal": "of-watchdog", "Content-Type": "text/plain.*"}
	const late = "the function did not end within 300ms"
	const missing = "fork/exec /no/such/program: no such file or directory"
	for claim, tc := range map[string]struct {
		mode, script string
		env          env
		request      request
		want         answer
		deviation    string
		upstream     *answer
	}{
		"streaming: a bad exit status": {
			mode: "streaming", script: leave, want: answer{Status: 500, Body: "exit status 4", Header: failed},
			deviation: "200", upstream: &answer{Status: 200},
		},
		"streaming: a bad exit status after output": {
			mode: "streaming", script: partly, want: answer{Status: 200, Body: "part\n"},
		},
		"streaming: a crash after output": {
			mode: "streaming", script: "echo part; kill -9 $$", want: answer{Status: 200, Body: "part\n", Cut: true},
			deviation: "a complete 200", upstream: &answer{Status: 200, Body: "part\n"},
		},
		"streaming: exec_timeout": {
			mode: "streaming", script: "sleep 60", env: slow, want: answer{Status: 504, Body: late, Header: failed},
			deviation: "200, without what was not printed",
		},
		"streaming: exec_timeout after output": {
			mode: "streaming", script: tooSlow, env: slow, want: answer{Status: 200, Body: "part\n", Cut: true},
			deviation: "200, without what was not printed",
		},
		"streaming: nothing to execute": {
			mode: "streaming", env: env{"fprocess": "/no/such/program"}, want: answer{Status: 500, Body: missing, Header: failed},
			deviation: "an empty 200", upstream: &answer{Status: 200},
		},
		"streaming: X-Timeout": {
			mode: "streaming", script: "sleep 60", request: request{header: map[string]string{"X-Timeout": "300ms"}}, want: answer{Status: 504, Body: late, Header: failed},
			deviation: "X-Timeout is ignored in the forking modes",
		},
		"serializing: a bad exit status": {
			mode: "serializing", script: partly, want: answer{Status: 500, Body: "exit status 4"},
		},
		"serializing: exec_timeout": {
			mode: "serializing", script: "exec sleep 60", env: slow, want: answer{Status: 504, Body: late, Header: failed},
			deviation: "500", upstream: &answer{Status: 500, Body: "signal: killed"},
		},
		"serializing: nothing to execute": {
			mode: "serializing", env: env{"fprocess": "/no/such/program"}, want: answer{Status: 500, Body: missing},
		},
		"serializing: X-Timeout": {
			mode: "serializing", script: "exec sleep 60", request: request{header: map[string]string{"X-Timeout": "300ms"}}, want: answer{Status: 504, Body: late, Header: failed},
			deviation: "X-Timeout is ignored in the forking modes",
		},
		"serializing: the time is told": {
			mode: "serializing", script: "echo x", want: answer{Status: 200, Body: "x\n", Header: map[string]string{"X-Duration-Seconds": `\d+\.\d{6}`}},
		},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			want := expected(t, tc.want, tc.deviation, tc.upstream)
			w := start(t, forking(t, tc.mode, tc.script, tc.env))
			check(t, w.send(tc.request), want)
		})
	}
}

func TestStreamingModeSendsOutputAsItIsWritten(t *testing.T) {
	t.Parallel()
	deviates(t, "output is not flushed")
	w := start(t, forking(t, "streaming", "echo one; cat", nil))
	conn := w.dial()
	fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body := bufio.NewReader(resp.Body)
	wantLine(t, body, "one")
	fmt.Fprint(conn, "two\n")
	wantLine(t, body, "two")
}

// A grandchild that holds stdout keeps upstream's requests open, and lives on.
func TestTimeoutEndsGrandchildren(t *testing.T) {
	t.Parallel()
	deviates(t, "only the child itself is killed")
	eachForkingMode(t, func(t *testing.T, mode string) {
		w := start(t, forking(t, mode, "sleep 300 & echo $! >/dev/shm/grandchild; wait", env{"exec_timeout": "300ms"}))
		check(t, w.get("/"), answer{Status: 504, Body: "the function did not end within 300ms"})
		pid, err := os.ReadFile(w.inside("/dev/shm/grandchild"))
		if err != nil {
			t.Fatal(err)
		}
		w.await("end of the grandchild", func() bool { return !w.runs(strings.TrimSpace(string(pid))) })
	})
}

// runs reports whether a process of the sandbox runs; a zombie does not.
func (w *running) runs(pid string) bool {
	command, err := os.ReadFile(w.inside("/proc/" + pid + "/cmdline"))
	return err == nil && len(command) > 0
}

// Python's HTTP libraries, among others, would send all that the function asks
// for through the proxy that a client named.
func TestProxyHeaderIsNotPassedOn(t *testing.T) {
	t.Parallel()
	deviates(t, "Http_Proxy is set")
	eachForkingMode(t, func(t *testing.T, mode string) {
		w := start(t, forking(t, mode, `echo "[$Http_Proxy]"`, nil))
		check(t, w.send(request{header: map[string]string{"Proxy": "http://evil"}}), answer{Status: 200, Body: "[]\n"})
	})
}

func TestForkingModesAreReadyAtReadyPath(t *testing.T) {
	t.Parallel()
	eachForkingMode(t, func(t *testing.T, mode string) {
		w := start(t, forking(t, mode, `echo "$Http_Path"`, env{"ready_path": "/warm"}))
		check(t, w.get("/_/ready"), answer{Status: 200, Body: "/warm\n"})
	})
}
