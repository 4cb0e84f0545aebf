package pool_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/pronghorn-faas/pronghorn/internal/miniotest"
	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/snapshot/pool"
	"github.com/pronghorn-faas/pronghorn/snapshot/pooltest"
)

func open(t *testing.T, url string) snapshot.Pool {
	t.Helper()
	p, err := pool.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestDirIsAPool(t *testing.T) {
	pooltest.Run(t, func(t *testing.T) snapshot.Pool { return open(t, "dir:"+t.TempDir()) })
}

func TestS3IsAPool(t *testing.T) {
	server := miniotest.Start(t)
	buckets := 0
	fresh := func() string {
		buckets++
		return fmt.Sprintf("bucket-%d", buckets)
	}
	t.Run("in a bucket", func(t *testing.T) {
		pooltest.Run(t, func(t *testing.T) snapshot.Pool { return open(t, server.Bucket(fresh())) })
	})
	t.Run("under a prefix", func(t *testing.T) {
		pooltest.Run(t, func(t *testing.T) snapshot.Pool { return open(t, server.Bucket(fresh()+"/some/prefix")) })
	})
}

// httpGet fetches the link from the server at addr, whatever host it names.
func httpGet(t *testing.T, addr, link string) (status int, body string) {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	}}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get(link)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(raw)
}
