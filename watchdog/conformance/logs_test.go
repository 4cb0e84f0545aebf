package conformance_test

import (
	"strings"
	"testing"
)

const stamp = `^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d `

func TestStartIsLogged(t *testing.T) {
	t.Parallel()
	w := start(t, env{"fprocess": self(t) + " " + asFunction + " a b"})
	w.awaitFunction()
	command := `\S+conformance\.test`
	for _, line := range []string{
		"Version: \\S+\tSHA: \\S+",
		"Forking: " + command + `, arguments: \[` + asFunction + ` a b\]`,
		`Started logging: stderr from function\.`,
		"Watchdog mode: http\tfprocess: \"" + command + " " + asFunction + ` a b"`,
		"Timeouts: read: 30s write: 30s hard: 30s health: 1ms",
		"Listening on port: 8080",
		"Writing lock-file to: " + lockFile,
	} {
		t.Run(line, func(t *testing.T) { w.stderr.await(t, stamp+line+"$") })
	}
}

func TestRequestsAreLogged(t *testing.T) {
	t.Parallel()
	for claim, tc := range map[string]struct {
		env       env
		request   request
		want      string
		deviation string
	}{
		"with status and length":              {request: request{method: "POST", path: "/count?x=1"}, want: `POST /count\?x=1 - 200 OK - ContentLength: 7B \(\d+\.\d{4}s\)$`},
		"an unknown length is -1":             {request: request{path: "/trailers"}, want: `GET /trailers - 200 OK - ContentLength: -1B \(\d+\.\d{4}s\)$`},
		"a failure":                           {request: request{path: "/reset"}, want: `GET /reset - 500 Internal Server Error - ContentLength: 0B \(\d+\.\d{4}s\)$`, deviation: "other words"},
		"the call id":                         {env: env{"log_callid": "true"}, request: request{path: "/status?code=200", header: map[string]string{"X-Call-Id": "abc"}}, want: `GET /status\?code=200 - 200 OK - .*s\) \[abc\]$`},
		"that there is none":                  {env: env{"log_callid": "1"}, request: request{path: "/status?code=200"}, want: `GET /status\?code=200 - 200 OK - .*s\) \[none\]$`},
		"by the name that the README gives":   {env: env{"log_call_id": "true"}, request: request{path: "/status?code=200"}, want: `GET /status\?code=200 - 200 OK - .*s\) \[none\]$`, deviation: "log_call_id is not read"},
		"a stream by what it was answered":    {request: request{path: "/status?code=418", header: asStream}, want: `GET /status\?code=418 - 418 I'm a teapot - ContentLength: 0B \(\d+\.\d{4}s\)$`, deviation: "streams are always logged as 200 with 0 bytes"},
		"streaming: what it printed":          {env: env{"mode": "streaming", "fprocess": "echo four"}, want: `GET / - 200 - ContentLength: 5B \(\d+\.\d{4}s\)$`},
		"serializing: what it printed":        {env: env{"mode": "serializing", "fprocess": "echo four"}, want: `GET / - 200 - ContentLength: 5B \(\d+\.\d{4}s\)$`},
		"streaming: a failure as answered":    {env: env{"mode": "streaming", "fprocess": "false"}, want: `GET / - 500 - `},
		"serializing: a failure as answered":  {env: env{"mode": "serializing", "fprocess": "false"}, want: `GET / - 500 - `, deviation: "logs 200"},
		"an exec_timeout with its own reason": {env: env{"exec_timeout": "200ms"}, request: request{path: "/hang"}, want: `GET /hang - the function took longer than exec_timeout$`, deviation: "other words"},
		"an answer that is cut":               {env: env{"exec_timeout": "200ms"}, request: request{path: "/half"}, want: `GET /half - the function took longer than exec_timeout$`, deviation: "nothing"},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			deviates(t, tc.deviation)
			w := start(t, tc.env)
			if tc.env["mode"] == "" {
				w.awaitFunction()
			}
			w.send(tc.request)
			w.stderr.await(t, stamp+tc.want)
		})
	}
}

func TestProbesAreNotLogged(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	w.send(request{path: "/echo?probe", header: map[string]string{"User-Agent": "kube-probe/1.30"}})
	w.send(request{path: "/echo?user"})
	w.stderr.await(t, "GET /echo.user ")
	if w.stderr.contains("probe") {
		t.Error("the probe is in the log")
	}
}

func TestOutputOfTheFunctionIsPassedOn(t *testing.T) {
	t.Parallel()
	for claim, tc := range map[string]struct {
		env    env
		to     string
		wanted string
	}{
		"stdout to stdout":             {to: "stdout", wanted: stamp + "stdout: line$"},
		"stderr to stderr":             {to: "stderr", wanted: stamp + "stderr: line$"},
		"bare stdout":                  {env: env{"prefix_logs": "false"}, to: "stdout", wanted: "^line$"},
		"bare stderr":                  {env: env{"prefix_logs": "0"}, to: "stderr", wanted: "^line$"},
		"a value that is none is off":  {env: env{"prefix_logs": "perhaps"}, to: "stdout", wanted: "^line$"},
		"by ParseBool's many names on": {env: env{"prefix_logs": "T"}, to: "stdout", wanted: stamp + "stdout: line$"},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			w := start(t, tc.env)
			w.awaitFunction()
			w.get("/print?text=line&to=" + tc.to)
			map[string]*transcript{"stdout": w.stdout, "stderr": w.stderr}[tc.to].await(t, tc.wanted)
		})
	}
}

// Upstream stops reading a stream after a line that is longer than
// log_buffer_size, and the function blocks when the pipe is full.
func TestLongLinesBlockNothing(t *testing.T) {
	t.Parallel()
	deviates(t, "a stream is never read again after a line longer than log_buffer_size")
	for claim, e := range map[string]env{
		"by default":         nil,
		"with a small size":  {"log_buffer_size": "10"},
		"with any size":      {"log_buffer_size": "-1"},
		"with 0, as it were": {"log_buffer_size": "0"},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			w := start(t, e)
			w.awaitFunction()
			check(t, w.get("/print?length=300000&text=end"), answer{Status: 200})
			check(t, w.get("/print?text=after"), answer{Status: 200})
			if line := w.stdout.await(t, "x+end$"); strings.Count(line, "x") != 300000 {
				t.Errorf("%d characters arrived", len(line))
			}
			w.stdout.await(t, "stdout: after$")
		})
	}
}

func TestErrorOutputOfForkedProcessesIsPassedOn(t *testing.T) {
	t.Parallel()
	eachForkingMode(t, func(t *testing.T, mode string) {
		w := start(t, forking(t, mode, "echo line >&2", nil))
		check(t, w.get("/"), answer{Status: 200})
		w.stderr.await(t, stamp+"stderr: line$")
	})
}
