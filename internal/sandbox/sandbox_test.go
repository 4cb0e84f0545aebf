package sandbox_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/require"
	"github.com/pronghorn-faas/pronghorn/internal/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Init()
	os.Exit(m.Run())
}

func start(t *testing.T, spec sandbox.Spec) *sandbox.Sandbox {
	t.Helper()
	require.Root(t)
	s, err := sandbox.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestProgramIsAloneInItsNamespaces(t *testing.T) {
	var out bytes.Buffer
	s := start(t, sandbox.Spec{
		Args:   []string{"/bin/sh", "-c", `echo "pid $$"; ls /proc | grep -c '^[0-9]'; ls -l /proc/self/fd | grep -c -- '->'; grep -c : /proc/net/dev; echo "$GREETING"; pwd`},
		Env:    []string{"GREETING=hello", "PATH=/usr/bin:/bin"},
		Dir:    "/usr",
		Stdout: &out,
		Stderr: os.Stderr,
	})
	if err := s.Wait(); err != nil {
		t.Fatal(err)
	}
	// Processes: sh, ls, grep. Descriptors of ls: 0, 1, 2 and the directory. Network: lo.
	if got, want := out.String(), "pid 1\n3\n4\n1\nhello\n/usr\n"; got != want {
		t.Errorf("the program printed %q, want %q", got, want)
	}
}

func TestProgramSharesItsCPUWithNoOtherSession(t *testing.T) {
	var out bytes.Buffer
	s := start(t, sandbox.Spec{Args: []string{"/bin/cat", "/proc/self/cgroup"}, CPUGroup: true, Stdout: &out})
	if err := s.Wait(); err != nil {
		t.Fatal(err)
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	if out.String() == string(own) {
		t.Skipf("there can be no control group here:\n%s", own)
	}
	if name := fmt.Sprintf("pronghorn-sandbox-%d", s.PID()); !strings.Contains(out.String(), name) {
		t.Errorf("the program is in\n%s, want one of %s", out.String(), name)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for _, dir := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/cpu"} {
		if left, _ := filepath.Glob(fmt.Sprintf("%s/pronghorn-sandbox-%d", dir, s.PID())); len(left) > 0 {
			t.Errorf("%q are left", left)
		}
	}
}

func TestProgramRunsOnTheCPUsAskedFor(t *testing.T) {
	var out bytes.Buffer
	s := start(t, sandbox.Spec{Args: []string{"/usr/bin/nproc"}, CPUs: []int{0}, Stdout: &out})
	if err := s.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(out.String()); got != "1" {
		t.Errorf("nproc says %s, want 1", got)
	}
}

func TestProgramGoesFirstWhenAskedTo(t *testing.T) {
	if err := exec.Command("chrt", "--rr", "1", "true").Run(); err != nil {
		t.Skip("the kernel has no real time for this group of processes: ", err)
	}
	for realTime, want := range map[bool]string{true: "SCHED_RR", false: "SCHED_OTHER"} {
		var out bytes.Buffer
		s := start(t, sandbox.Spec{Args: []string{"/usr/bin/chrt", "--pid", "1"}, RealTime: realTime, Stdout: &out})
		if err := s.Wait(); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("real time asked for: %t; %q, error %v, want %s", realTime, out.String(), err, want)
		}
	}
}

func TestHostAddressIsForwardedAndInsideIsDialled(t *testing.T) {
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "from the host")
	}))
	defer host.Close()
	addr := host.Listener.Addr().String()
	s := start(t, sandbox.Spec{
		Args: []string{"/bin/sleep", "60"}, Forward: []string{addr}, ForwardAt: map[string]string{"127.0.0.2:9000": addr},
	})
	for _, url := range []string{host.URL, "http://127.0.0.2:9000"} {
		resp, err := s.Client().Get(url) // dialled inside, answered outside
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if body, _ := io.ReadAll(resp.Body); string(body) != "from the host" {
			t.Errorf("%s: got %q", url, body)
		}
	}
	if _, err := s.Dial(t.Context(), "tcp", "127.0.0.1:1"); err == nil {
		t.Error("a port that nobody forwarded answered")
	}
}

func TestTmpfsHoldsAsMuchAsItIsGiven(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "small")
	s := start(t, sandbox.Spec{Args: []string{"/bin/sleep", "60"}, Tmpfs: map[string]int64{dir: 1 << 20}})
	if err := os.WriteFile(filepath.Join(s.Path(dir), "fits"), make([]byte, 1<<19), 0o600); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(s.Path(dir), "too-large"), make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("writing more than there is room for: %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("outside the directory has %v, %v: want nothing of it", entries, err)
	}
}

func TestClockIsAheadAsAskedFor(t *testing.T) {
	uptime := func(clock time.Duration) float64 {
		var out bytes.Buffer
		s := start(t, sandbox.Spec{Args: []string{"/bin/cat", "/proc/uptime"}, Clock: clock, Stdout: &out, Stderr: os.Stderr})
		if err := s.Wait(); err != nil {
			t.Fatal(err)
		}
		var seconds float64
		if _, err := fmt.Sscan(out.String(), &seconds); err != nil {
			t.Fatal(err)
		}
		return seconds
	}
	now := uptime(0)
	if ahead := uptime(5000*time.Second) - now; ahead < 5000 || ahead > 5060 {
		t.Errorf("%v s ahead, want 5000", ahead)
	}
}

func TestFailureToExecuteIsSeen(t *testing.T) {
	var out bytes.Buffer
	require.Root(t)
	s, err := sandbox.Start(t.Context(), sandbox.Spec{Args: []string{"/no/such/program"}, Stderr: &out})
	if err == nil {
		err = s.Wait()
	}
	if err == nil || !strings.Contains(out.String(), "/no/such/program") {
		t.Errorf("error %v, standard error %q: want both to speak", err, out.String())
	}
}

func TestCloseKillsEverything(t *testing.T) {
	s := start(t, sandbox.Spec{Args: []string{"/bin/sh", "-c", "sleep 300 & sleep 300"}})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.Done():
	case <-time.After(5 * time.Second):
		t.Fatal("still running 5 s after Close")
	}
	if _, err := net.DialTimeout("tcp", "127.0.0.1:1", time.Millisecond); err == nil {
		t.Error("the test's own network is not the host's any more")
	}
}
