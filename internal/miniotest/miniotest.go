// Package miniotest runs a real MinIO server for a test.
package miniotest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/require"
)

// What the server's only account is called, and its password.
const (
	User     = "pronghorn"
	Password = "pronghorn-secret"
)

// readyWithin bounds the start of a server on a busy machine.
const readyWithin = 30 * time.Second

// Server is a MinIO server on loopback with a data directory of its own. Its
// methods end the test when they fail.
type Server struct {
	// URL is the server's pool "checkpoints", as the option --pool takes it.
	URL string
	// Address is the server's HOST:PORT; it speaks plain HTTP.
	Address string

	t       testing.TB
	program string
	data    string
	log     bytes.Buffer // read only when the process is gone
	cmd     *exec.Cmd    // nil while stopped
}

// Start runs a server until the test ends. Without MinIO the test is skipped,
// or fails if PRONGHORN_REQUIRE names "minio".
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, program: require.Program(t, "minio", "minio"), data: t.TempDir(), Address: freeAddress(t)}
	s.URL = s.Bucket("checkpoints")
	t.Cleanup(s.Stop)
	s.Restart()
	return s
}

// Bucket returns the URL of a pool in another bucket, with credentials.
func (s *Server) Bucket(name string) string {
	return fmt.Sprintf("s3://%s:%s@%s/%s?insecure=true", User, Password, s.Address, name)
}

// Stop kills the server; requests in flight are cut. Data stays.
func (s *Server) Stop() {
	s.t.Helper()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill() // it may be gone already
	_ = s.cmd.Wait()         // "signal: killed"
	s.cmd = nil
}

// Restart stops the server if it runs and starts it again at the same address
// with the same data.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	s.log.Reset()
	cmd := exec.Command(s.program, "server", "--quiet", "--address", s.Address, s.data)
	cmd.Env = append(os.Environ(), "MINIO_ROOT_USER="+User, "MINIO_ROOT_PASSWORD="+Password, "MINIO_BROWSER=off")
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	if err := cmd.Start(); err != nil {
		s.t.Fatalf("start MinIO: %v", err)
	}
	s.cmd = cmd
	if err := s.awaitReady(); err != nil {
		s.Stop()
		s.t.Fatalf("MinIO is not ready after %v: %v\n%s", readyWithin, err, &s.log)
	}
}

func (s *Server) awaitReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), readyWithin)
	defer cancel()
	var last error
	for ctx.Err() == nil {
		if last = s.ready(ctx); last == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return last
}

// ready asks as a stranger, who is denied only once the server serves; its
// health page is ready somewhat earlier.
func (s *Server) ready(ctx context.Context) error {
	for path, want := range map[string]int{"/minio/health/ready": http.StatusOK, "/": http.StatusForbidden} {
		status, err := s.status(ctx, path)
		if err != nil {
			return err
		}
		if status != want {
			return fmt.Errorf("GET %s: %d, want %d", path, status, want)
		}
	}
	return nil
}

func (s *Server) status(ctx context.Context, path string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Address+path, nil)
	if err != nil {
		return 0, err
	}
	req.Close = true // a kept connection would outlive the server
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

func freeAddress(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}
