package storetest

import (
	"bytes"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/require"
)

// Redis is a real Redis server on a free loopback port, without persistence.
// It ends with the test.
type Redis struct {
	program string
	port    int
	log     bytes.Buffer
	cmd     *exec.Cmd
}

// StartRedis starts a server, or skips or fails the test where there is none
// (see package require).
func StartRedis(t testing.TB) *Redis {
	t.Helper()
	r := &Redis{program: require.Program(t, "redis", "redis-server"), port: freePort(t)}
	r.Start(t)
	t.Cleanup(r.kill)
	return r
}

// URL is the store URL of one of the server's 16 databases.
func (r *Redis) URL(db int) string { return fmt.Sprintf("redis://127.0.0.1:%d/%d", r.port, db) }

// Start starts the server again, on its port, and waits until it answers.
func (r *Redis) Start(t testing.TB) {
	t.Helper()
	r.cmd = exec.Command(r.program, "--port", strconv.Itoa(r.port), "--bind", "127.0.0.1",
		"--save", "", "--appendonly", "no", "--dir", t.TempDir())
	r.cmd.Stdout, r.cmd.Stderr = &r.log, &r.log
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); !r.answers(); time.Sleep(5 * time.Millisecond) {
		if time.Since(start) > 10*time.Second {
			r.kill()
			t.Fatalf("redis-server does not answer on port %d:\n%s", r.port, r.log.String())
		}
	}
}

// Stop kills the server; its data are gone.
func (r *Redis) Stop() { r.kill() }

// Hang makes the server accept connections and answer nothing, until resume is
// called.
func (r *Redis) Hang(t testing.TB) (resume func()) {
	t.Helper()
	if err := r.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	return func() { _ = r.cmd.Process.Signal(syscall.SIGCONT) }
}

func (r *Redis) kill() {
	if r.cmd == nil {
		return
	}
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait() // "signal: killed"
	r.cmd = nil
}

func (r *Redis) answers() bool {
	conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", r.port), time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	_, _ = conn.Write([]byte("PING\r\n"))
	reply := make([]byte, 5)
	n, err := conn.Read(reply)
	return err == nil && string(reply[:n]) == "+PONG"
}

func freePort(t testing.TB) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}
