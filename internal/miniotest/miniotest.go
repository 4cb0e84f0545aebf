// Package miniotest runs a real MinIO server for a test.
package miniotest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

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

// ready asks with a key that the server does not know: it is refused only once
// the part that knows keys has come up, the last one to do so. The health page
// is ready somewhat earlier.
func (s *Server) ready(ctx context.Context) error {
	stranger, err := minio.New(s.Address, &minio.Options{Creds: credentials.NewStaticV4("nobody", "no-secret", ""), MaxRetries: 1})
	if err != nil {
		return err
	}
	_, err = stranger.ListBuckets(ctx)
	if code := minio.ToErrorResponse(err).Code; code != "InvalidAccessKeyId" {
		return fmt.Errorf("an unknown key is answered %q: %w", code, err)
	}
	return nil
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
