package fork_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/syncbuffer"
	"github.com/pronghorn-faas/pronghorn/watchdog/access"
	"github.com/pronghorn-faas/pronghorn/watchdog/fork"
	"github.com/pronghorn-faas/pronghorn/watchdog/process"
)

// mode is a constructor of a handler that starts processes.
type mode func(fork.Settings) http.Handler

var modes = map[string]mode{"streaming": fork.Streaming, "serializing": fork.Serializing}

// fixture is a server in front of a command.
type fixture struct {
	url         string
	log, stderr syncbuffer.Buffer
}

// start serves a command of the shell.
func start(t testing.TB, m mode, script string, changes ...func(*fork.Settings)) *fixture {
	t.Helper()
	f := &fixture{}
	s := fork.Settings{
		Command:     []string{"/bin/sh", "-c", script},
		Environment: []string{"PATH=" + os.Getenv("PATH"), "FROM_WATCHDOG=yes", "Http_Method=WRONG"},
		ExecTimeout: 20 * time.Second,
		Output:      process.Output{Stderr: &f.stderr},
		Log:         access.Log{Lines: log.New(&f.log, "", 0)},
	}
	for _, change := range changes {
		change(&s)
	}
	server := httptest.NewServer(m(s))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

// late is a timeout before which a process has surely got to its work.
const late = 500 * time.Millisecond

func execTimeout(d time.Duration) func(*fork.Settings) {
	return func(s *fork.Settings) { s.ExecTimeout = d }
}

func command(args ...string) func(*fork.Settings) {
	return func(s *fork.Settings) { s.Command = args }
}

// reply is an answer that was read as far as it came.
type reply struct {
	*http.Response
	body string
	err  error
}

// request sends a request; change may be nil.
func (f *fixture) request(t testing.TB, method, path string, body io.Reader, change func(*http.Request)) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, f.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(req)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return reply{resp, string(got), err}
}

func (f *fixture) get(t testing.TB) reply {
	t.Helper()
	return f.request(t, http.MethodGet, "/", nil, nil)
}

// eventually waits for something that must come true soon.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for range 500 {
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("not within 5 s: %s", what)
}

// pidFile is a file into which scripts write process ids, one a line.
type pidFile string

func newPIDFile(t testing.TB) pidFile { return pidFile(filepath.Join(t.TempDir(), "pids")) }

func (p pidFile) pids() []int {
	raw, _ := os.ReadFile(string(p))
	var pids []int
	for _, field := range strings.Fields(string(raw)) {
		if pid, err := strconv.Atoi(field); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// await waits until n ids have been written.
func (p pidFile) await(t testing.TB, n int) []int {
	t.Helper()
	eventually(t, "the processes have started", func() bool { return len(p.pids()) >= n })
	return p.pids()
}

// alive tells whether a process runs; one that nobody has reaped does not.
func alive(pid int) bool {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	return err == nil && !strings.Contains(string(raw), "State:\tZ")
}

func end(pid int) {
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Kill()
	}
}

// children are the processes, dead ones included, whose parent is the test.
func children(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, file := range files {
		raw, _ := os.ReadFile(file)
		all = append(all, strings.Fields(string(raw))...)
	}
	return all
}

func descriptors(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
