package conformance_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestSettingsAreParsedAsUpstreamDoes(t *testing.T) {
	t.Parallel()
	for claim, tc := range map[string]struct {
		env  env
		want string // a line of the log
	}{
		"timeouts have defaults":                    {env{"healthcheck_interval": ""}, "Timeouts: read: 30s write: 30s hard: 30s health: 30s"},
		"a number is seconds":                       {env{"read_timeout": "7", "exec_timeout": "90"}, "Timeouts: read: 7s write: 30s hard: 1m30s health: 1ms"},
		"a duration is itself":                      {env{"write_timeout": "1m5s"}, "Timeouts: read: 30s write: 1m5s hard: 30s health: 1ms"},
		"what is neither is the default":            {env{"exec_timeout": "soon"}, "Timeouts: read: 30s write: 30s hard: 30s health: 1ms"},
		"a negative number is the default":          {env{"exec_timeout": "-5"}, "Timeouts: read: 30s write: 30s hard: 30s health: 1ms"},
		"healthcheck_interval is write_timeout":     {env{"healthcheck_interval": "", "write_timeout": "5s"}, "Timeouts: read: 30s write: 5s hard: 30s health: 5s"},
		"function_process wins":                     {env{"mode": "streaming", "function_process": "cat"}, `Watchdog mode: streaming\tfprocess: "cat"`},
		"no mode is streaming":                      {env{"mode": "", "fprocess": "cat"}, `Watchdog mode: streaming\tfprocess: "cat"`},
		"the lock file is in TMPDIR":                {env{"TMPDIR": "/run"}, `Writing lock-file to: /run/\.lock`},
		"the port can be set":                       {env{"port": "9090"}, "Listening on port: 9090"},
		"a port that is no number is any free port": {env{"port": "abc"}, "Listening on port: 0"},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			launch(t, spec{env: tc.env}).stderr.await(t, stamp+tc.want+"$")
		})
	}
}

func TestCommandIsSplitOnSpaces(t *testing.T) {
	t.Parallel()
	w := start(t, env{"mode": "streaming", "fprocess": `printf [%s] a  'b c'`})
	check(t, w.get("/"), answer{Status: 200, Body: "[a][]['b][c']"})
}

func TestBooleansAreTrueOrOne(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{"true": true, "1": true, "TRUE": false, "yes": false, "on": false, "0": false} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			w := launch(t, spec{env: env{"suppress_lock": value}})
			w.awaitFunction()
			if w.locked() == want {
				t.Errorf("suppress_lock=%s: a lock file is there: %t", value, !want)
			}
		})
	}
}

func TestNumbersThatAreNoneAreZero(t *testing.T) {
	t.Parallel()
	w := start(t, env{"max_inflight": "few"}) // 0 = no limit
	w.stream(request{path: "/pieces"})
	check(t, w.get("/status?code=200"), answer{Status: 200})
}

func TestPortIsListenedOnAtAllAddresses(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]func([]int) bool{
		"9090": func(ports []int) bool {
			return ports[0] == 9090 && ports[1] == 8081 || ports[0] == 8081 && ports[1] == 9090
		},
		"abc": func(ports []int) bool { return ports[0] > 0 && ports[1] > 0 },
	} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			w := launch(t, spec{env: env{"port": value, "FUNCTION_BOOT": "1h"}})
			w.await("two ports", func() bool {
				ports := w.listening(t)
				return len(ports) == 2 && want(ports)
			})
		})
	}
}

// listening are the TCP ports that are listened on at all addresses.
func (w *running) listening(t *testing.T) []int {
	t.Helper()
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp6", w.box.PID()))
	if err != nil {
		t.Fatal(err)
	}
	var ports []int
	for _, found := range regexp.MustCompile(`(?m): 0{32}:([0-9A-F]{4}) \S+ 0A `).FindAllStringSubmatch(string(table), -1) {
		port, err := strconv.ParseInt(found[1], 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, int(port))
	}
	return ports
}

func TestLockFileIsForOwnerAndGroup(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	info, err := os.Stat(w.inside(lockFile))
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode&^0o660 != 0 || mode&0o600 != 0o600 {
		t.Errorf("mode %o, want 660 less the umask", mode)
	}
}

func TestProxySettingsAreNotForTheFunction(t *testing.T) {
	t.Parallel()
	w := start(t, env{"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"})
	check(t, w.get("/status?code=200"), answer{Status: 200})
}

func TestFunctionInheritsTheEnvironment(t *testing.T) {
	t.Parallel()
	w := start(t, env{"SETTING": "a=b c"})
	w.awaitFunction()
	if got := w.get("/environment?name=SETTING"); strings.TrimSpace(got.Body) != "a=b c" {
		t.Errorf("got %q", got.Body)
	}
}
