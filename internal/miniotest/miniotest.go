// Package miniotest runs a real MinIO server for a test.
package miniotest

import (
	"testing"

	"github.com/pronghorn-faas/pronghorn/internal/minioserver"
	"github.com/pronghorn-faas/pronghorn/internal/require"
)

// What the server's only account is called, and its password.
const (
	User     = minioserver.User
	Password = minioserver.Password
)

// Server is a MinIO server on loopback with a data directory of its own. Its
// methods end the test when they fail.
type Server struct {
	*minioserver.Server
	// URL is the server's pool "checkpoints", as the option --pool takes it.
	URL string

	t testing.TB
}

// Start runs a server until the test ends. Without MinIO the test is skipped,
// or fails if PRONGHORN_REQUIRE names "minio".
func Start(t testing.TB) *Server {
	t.Helper()
	server, err := minioserver.New(require.Program(t, "minio", "minio"), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Server: server, URL: server.Bucket("checkpoints"), t: t}
	t.Cleanup(s.Stop)
	s.Restart()
	return s
}

// Restart stops the server if it runs and starts it again at the same address
// with the same data.
func (s *Server) Restart() {
	s.t.Helper()
	if err := s.Server.Restart(); err != nil {
		s.t.Fatal(err)
	}
}
