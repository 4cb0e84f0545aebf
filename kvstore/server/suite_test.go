package server

import (
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/kvstore/backend"
	"github.com/pronghorn-faas/pronghorn/kvstore/storetest"
)

func TestClientAndServer(t *testing.T) {
	storetest.Run(t, func(t *testing.T) kvstore.Store {
		return newClient(t, serve(t, fileStore(t), httpx.NewAuth("operator")), "operator")
	})
}

func fileStore(t testing.TB) kvstore.Store {
	t.Helper()
	return openStore(t, "file:"+filepath.Join(t.TempDir(), "kv.db"))
}

func openStore(t testing.TB, url string) kvstore.Store {
	t.Helper()
	s, err := backend.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// serve returns the URL of a service.
func serve(t testing.TB, s kvstore.Store, auth httpx.Auth) string {
	t.Helper()
	srv := httptest.NewServer(New(s, auth))
	t.Cleanup(srv.Close)
	return srv.URL
}

func newClient(t testing.TB, url, token string) *kvstore.Client {
	t.Helper()
	c, err := kvstore.NewClient(url, token)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}
