package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/internal/minioserver"
	"github.com/pronghorn-faas/pronghorn/internal/require"
	"github.com/pronghorn-faas/pronghorn/internal/syncbuffer"
)

const (
	poolAway = "the pool cannot be used"
	poolBack = "the pool works again"
)

// TestAgentWaitsForItsPool starts an agent whose MinIO comes later, and then
// comes back without its data.
func TestAgentWaitsForItsPool(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	minio, err := minioserver.New(require.Program(t, "minio", "minio"), data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(minio.Stop)
	var log syncbuffer.Buffer
	urls, stop := startLoggedAgent(t, &log, 1, inTempDir(t, "--pool", minio.Bucket("checkpoints"))...)
	agentURL := urls["policy agent"]

	if p, err := plan(t, agentURL, ""); err != nil || p.Restore != nil {
		t.Errorf("without a pool: plan %+v, error %v; want a cold start", p, err)
	}
	if status := get(t, agentURL+"/healthz"); status != http.StatusServiceUnavailable {
		t.Errorf("without a pool /healthz answers %d, want 503: not ready", status)
	}
	await(t, "a line about the pool", func() bool { return strings.Contains(log.String(), poolAway) })
	if _, err := uploadURL(t, agentURL); err == nil || !strings.Contains(err.Error(), "not been reached") {
		t.Errorf("an upload without a pool: error %v, want one that says why at once", err)
	}

	start := func() {
		t.Helper()
		if err := minio.Restart(); err != nil {
			t.Fatal(err)
		}
		await(t, "the agent ready", func() bool { return get(t, agentURL+"/healthz") == http.StatusOK })
		if status := upload(t, agentURL); status != http.StatusOK {
			t.Errorf("an upload is answered %d", status)
		}
	}
	start()
	await(t, "a line that it works", func() bool { return strings.Contains(log.String(), poolBack) })
	for _, line := range []string{poolAway, poolBack} {
		if n := strings.Count(log.String(), line); n != 1 {
			t.Errorf("the log says %d times that %s, want once:\n%s", n, line, &log)
		}
	}

	minio.Stop()
	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}
	start()
	if err := stop(); err != nil {
		t.Errorf("an orderly end reports %v", err)
	}
}

// await waits for as long as a busy machine may need.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("after a minute: not %s", what)
}

func get(t *testing.T, url string) (status int) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

func uploadURL(t *testing.T, agentURL string) (string, error) {
	t.Helper()
	c, err := agent.NewClient(agentURL, "", "bfs")
	if err != nil {
		t.Fatal(err)
	}
	up, err := c.Upload(t.Context(), agent.UploadRequest{Lifetime: "life", RequestNumber: 1})
	return up.PackURL, err
}

// upload stores an object as a worker does.
func upload(t *testing.T, agentURL string) (status int) {
	t.Helper()
	url, err := uploadURL(t, agentURL)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}
