package containertest

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// services is a policy agent with its KV service and pool, on this machine,
// where containers of the engine reach it.
type services struct {
	agent, kv string // URLs
	program   string
	dir       string
	token     string // file with the operator's token
}

func startServices(t testing.TB) *services {
	t.Helper()
	dir := t.TempDir()
	s := &services{program: filepath.Join(dir, "pronghorn"), dir: dir, token: filepath.Join(dir, "token")}
	run(t, "go", "build", "-o", s.program, "../../cmd/pronghorn")
	if err := os.WriteFile(s.token, []byte("container-test-operator-token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	gateway := mustDocker(t, "network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}")
	agent, kv := freeAddress(t, gateway), freeAddress(t, gateway)
	s.agent, s.kv = "http://"+agent, "http://"+kv
	log, err := os.Create(filepath.Join(dir, "agent.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(s.program, "agent", "--listen", agent, "--kv-listen", kv, "--kv-url", s.kv, "--token-file", s.token)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("log of the agent:\n%s", tail(string(text), 3000))
		}
	})
	waitForPort(t, agent)
	return s
}

// options are those of docker run for a container of a function: where its
// services are, and its token.
func (s *services) options(t testing.TB, function, strategy string) []string {
	t.Helper()
	token := filepath.Join(s.dir, function+".token")
	if _, err := os.Stat(token); err != nil {
		text := run(t, s.program, "token", function, "--token-file", s.token)
		// Containers of other users read it, too.
		if err := os.WriteFile(token, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return []string{
		"--volume=" + token + ":/var/openfaas/secrets/pronghorn-token:ro",
		"--env=snapshot_agent_url=" + s.agent,
		"--env=snapshot_function=" + function,
		"--env=snapshot_strategy=" + strategy,
		"--env=snapshot_headers=true",
		// The pause is no claim of these tests, and the machine may be busy.
		"--env=snapshot_max_pause=10s",
	}
}

func run(t testing.TB, program string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func freeAddress(t testing.TB, host string) string {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func waitForPort(t testing.TB, address string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			return
		}
	}
	t.Fatalf("nobody listens on %s", address)
}
