package conformance_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// ended is how a watchdog has ended.
type ended struct {
	code int
	// says is a regular expression of a part of what it printed to stderr.
	says string
}

func (w *running) wantEnd(want ended) {
	w.t.Helper()
	if code := w.exitCode(); code != want.code {
		w.t.Errorf("exit code %d, want %d", code, want.code)
	}
	if !regexp.MustCompile(want.says).MatchString(w.stderr.String()) {
		w.t.Errorf("stderr does not say %q", want.says)
	}
}

func TestWatchdogThatCannotStart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for claim, tc := range map[string]struct {
		spec      spec
		want      ended
		deviation string
		upstream  *ended
	}{
		"no command":                        {spec: spec{env: env{"fprocess": ""}}, want: ended{1, "fprocess"}},
		"no command to fork":                {spec: spec{env: env{"fprocess": "", "mode": "streaming"}}, want: ended{1, "fprocess"}},
		"no upstream_url":                   {spec: spec{env: env{"upstream_url": ""}}, want: ended{1, "upstream_url"}},
		"write_timeout=0":                   {spec: spec{env: env{"write_timeout": "0"}}, want: ended{1, "write.?timeout"}},
		"log_buffer_size is no number":      {spec: spec{env: env{"log_buffer_size": "64k"}}, want: ended{1, "log_buffer_size"}},
		"no such program":                   {spec: spec{env: env{"fprocess": "/no/such/program"}}, want: ended{1, "/no/such/program"}},
		"a function that fails at once":     {spec: spec{env: env{"fprocess": "false"}}, want: ended{1, "Forked function has terminated.*: exit status 1"}},
		"a function that ends at once":      {spec: spec{env: env{"fprocess": "true"}}, want: ended{1, "Forked function has terminated.*: exit status 0"}, deviation: "lives on without a function: health is 200, requests are 500"},
		"JWT authentication with no issuer": {spec: spec{env: env{"jwt_auth": "true", "jwt_auth_local": "true", "OPENFAAS_NAME": "fn", "OPENFAAS_NAMESPACE": "ns"}}, want: ended{1, "127.0.0.1:8000"}},
		"an unknown mode":                   {spec: spec{env: env{"mode": "nonsense"}}, want: ended{1, `mode "nonsense"`}, deviation: "panics", upstream: &ended{code: 2}},
		"the mode that was removed":         {spec: spec{env: env{"mode": "afterburn"}}, want: ended{1, `mode "afterburn"`}, deviation: "panics", upstream: &ended{code: 2}},
		"somebody has the port":             {spec: spec{taken: []string{"8080"}}, want: ended{1, "port 8080: .*address already in use"}, deviation: "exits 0", upstream: &ended{code: 0}},
		"somebody has the metrics port":     {spec: spec{taken: []string{"8081"}}, want: ended{1, "metrics port 8081: .*address already in use"}, deviation: "panics", upstream: &ended{code: 2}},
		"the lock file cannot be written":   {spec: spec{env: env{"TMPDIR": "/no/such/dir"}}, want: ended{1, "lock file: open /no/such/dir/.lock"}, deviation: "exits 0", upstream: &ended{code: 0}},
		"the lock's directory is no one":    {spec: spec{env: env{"TMPDIR": file}}, want: ended{1, "not a directory"}, deviation: "exits 0", upstream: &ended{code: 0}},
		"an unknown flag":                   {spec: spec{args: []string{"--no-such-flag"}}, want: ended{2, "no-such-flag"}},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			want := expected(t, tc.want, tc.deviation, tc.upstream)
			tc.spec.supervised = true
			w := launch(t, tc.spec)
			w.wantEnd(want)
			if !isUpstream() {
				w.nobodyLeft()
			}
		})
	}
}

func TestFunctionThatEnds(t *testing.T) {
	t.Parallel()
	for claim, tc := range map[string]struct {
		path      string
		want      ended
		deviation string
	}{
		"with a failure": {path: "/exit?code=3", want: ended{1, "Forked function has terminated: exit status 3"}},
		"by a signal":    {path: "/kill", want: ended{1, "Forked function has terminated: signal: killed"}},
		"with status 0":  {path: "/exit?code=0", want: ended{1, "Forked function has terminated: exit status 0"}, deviation: "lives on without a function: health is 200, requests are 500"},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			deviates(t, tc.deviation)
			w := start(t, nil)
			w.awaitFunction()
			w.get(tc.path)
			w.wantEnd(tc.want)
		})
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	locked := t.TempDir()
	if err := os.WriteFile(filepath.Join(locked, ".lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for claim, tc := range map[string]struct {
		spec spec
		want ended
	}{
		"--version prints it, whatever the settings":      {spec{args: []string{"--version"}, env: env{"mode": "nonsense"}}, ended{0, "Version: \\S+\tSHA: "}},
		"-h prints the flags":                             {spec{args: []string{"-h"}}, ended{0, "run-healthcheck"}},
		"--run-healthcheck is well with a lock file":      {spec{args: []string{"--run-healthcheck"}, env: env{"TMPDIR": locked}}, ended{0, ""}},
		"--run-healthcheck is not without":                {spec{args: []string{"--run-healthcheck"}}, ended{1, ""}},
		"--run-healthcheck needs the function's settings": {spec{args: []string{"--run-healthcheck"}, env: env{"TMPDIR": locked, "fprocess": ""}}, ended{1, "fprocess"}},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			launch(t, tc.spec).wantEnd(tc.want)
		})
	}
}
