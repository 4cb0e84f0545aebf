// Package minioserver runs a real MinIO server on loopback, for tests and
// benchmarks.
package minioserver

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/pronghorn-faas/pronghorn/internal/child"
)

// What the server's only account is called, and its password.
const (
	User     = "pronghorn"
	Password = "pronghorn-secret"
)

// readyWithin bounds the start of a server on a busy machine.
const readyWithin = 30 * time.Second

// Server is a MinIO server with a data directory of its own.
type Server struct {
	// Address is the server's HOST:PORT; it speaks plain HTTP.
	Address string

	program string
	data    string
	log     bytes.Buffer // read only when the process is gone
	cmd     *exec.Cmd    // nil while stopped
	ended   <-chan struct{}
}

// New returns a server that is not started: the program at a free address, with
// its data in a directory that exists.
func New(program, data string) (*Server, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("MinIO: %w", err)
	}
	defer ln.Close()
	return &Server{Address: ln.Addr().String(), program: program, data: data}, nil
}

// Bucket returns the URL of a pool in a bucket, with credentials, as the
// option --pool takes it.
func (s *Server) Bucket(name string) string {
	return fmt.Sprintf("s3://%s:%s@%s/%s?insecure=true", User, Password, s.Address, name)
}

// Stop kills the server; requests in flight are cut. Data stays.
func (s *Server) Stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill() // it may be gone already
	<-s.ended
	s.cmd = nil
}

// Restart stops the server if it runs, starts it at the same address with the
// same data, and waits until it answers.
func (s *Server) Restart() error {
	s.Stop()
	s.log.Reset()
	cmd := exec.Command(s.program, "server", "--quiet", "--address", s.Address, s.data)
	cmd.Env = append(os.Environ(), "MINIO_ROOT_USER="+User, "MINIO_ROOT_PASSWORD="+Password, "MINIO_BROWSER=off")
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	ended, err := child.Start(cmd) // it ends with this process, even if that is killed
	if err != nil {
		return fmt.Errorf("start MinIO: %w", err)
	}
	s.cmd, s.ended = cmd, ended
	if err := s.awaitReady(); err != nil {
		s.Stop()
		return fmt.Errorf("MinIO is not ready after %v: %w\n%s", readyWithin, err, &s.log)
	}
	return nil
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
