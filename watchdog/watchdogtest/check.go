package watchdogtest

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// Lineage is the environment of a container whose lifetimes follow each other:
// each starts from the deepest snapshot that there is, and is checkpointed n
// requests later. They end with their container.
func Lineage(n int) string {
	return "ENV=fixed&request_to_checkpoint=1000000,false," + strconv.Itoa(n)
}

// EvictedLineage is Lineage in a single container, with evictions after n
// requests.
func EvictedLineage(n int) string {
	return "ENV=fixed&request_to_checkpoint=1000000,true," + strconv.Itoa(n)
}

// Await waits until ok, for as long as a busy machine may need.
func Await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("after a minute: not %s", what)
}

// Number returns a header that is a number.
func (r Response) Number(t testing.TB, header string) int {
	t.Helper()
	n, err := strconv.Atoi(r.Header.Get(header))
	if err != nil {
		t.Fatalf("header %s: %v in %v", header, err, r.Header)
	}
	return n
}

// Drive sends n requests. Each must be answered 200 with the number that its
// process counts in its lineage: a restored process is the one that was dumped.
func (w *Watchdog) Drive(n int) {
	w.t.Helper()
	for range n {
		resp := w.MustGet("/")
		counted, numbered := resp.Number(w.t, "X-Invocations"), resp.Number(w.t, "X-Pronghorn-Request-Number")
		if counted != numbered {
			w.t.Fatalf("the process counts %d invocations, the watchdog numbers the request %d", counted, numbered)
		}
	}
}

// KeepBusy sends requests, one after the other, until the returned function is
// called; that fails the test unless all of them were answered 200, and at
// least one was.
func (w *Watchdog) KeepBusy() (stop func()) {
	var working sync.WaitGroup
	var served int
	var failed []string
	end := make(chan struct{})
	working.Go(func() {
		for {
			select {
			case <-end:
				return
			case <-time.After(10 * time.Millisecond):
			}
			if resp, err := w.Get("/"); err != nil || resp.Status != http.StatusOK {
				failed = append(failed, strconv.Itoa(resp.Status)+" "+resp.Body)
				continue
			}
			served++
		}
	})
	return func() {
		w.t.Helper()
		close(end)
		working.Wait()
		if len(failed) > 0 || served == 0 {
			w.t.Errorf("%d requests were served and %d failed: %s", served, len(failed), strings.Join(failed, "; "))
		}
	}
}

// Cold is the sample of /metrics of cold starts for a reason.
func Cold(reason string) string { return started("cold", reason) }

// Restored is the sample of /metrics of starts from a snapshot.
const Restored = `pronghorn_lifetimes_total{reason="planned",start="restored"}`

func started(start, reason string) string {
	return `pronghorn_lifetimes_total{reason="` + reason + `",start="` + start + `"}`
}

// Checkpoints is the sample of /metrics of checkpoints that were taken.
const Checkpoints = `pronghorn_checkpoints_total{outcome="done",reason="planned"}`

// CheckpointsFailed is that of those that failed for a reason.
func CheckpointsFailed(reason string) string {
	return `pronghorn_checkpoints_total{outcome="failed",reason="` + reason + `"}`
}

// AwaitCheckpoints waits until the watchdog has taken n checkpoints.
func (w *Watchdog) AwaitCheckpoints(n int) {
	w.t.Helper()
	Await(w.t, strconv.Itoa(n)+" checkpoints taken", func() bool { return w.Metric(Checkpoints) >= float64(n) })
}

// Entries are the snapshots of a function that may be restored.
func (c *Control) Entries(t testing.TB, fn string) []kvstore.Entry {
	t.Helper()
	st, err := c.Store.State(t.Context(), fn)
	if err != nil {
		t.Fatal(err)
	}
	var live []kvstore.Entry
	for _, e := range st.Pool {
		if e.Live() {
			live = append(live, e)
		}
	}
	return live
}

// VerifyPool reads all data of all snapshots of a function that may be
// restored, and fails the test unless it is whole. It returns their manifests.
func (c *Control) VerifyPool(t testing.TB, fn string, keys *snapshot.Keyring) []snapshot.Manifest {
	t.Helper()
	var manifests []snapshot.Manifest
	for _, e := range c.Entries(t, fn) {
		m, err := snapshot.VerifyData(t.Context(), c.Objects, fn, e.ID, e.Manifest, e.ManifestSHA256, keys)
		if err != nil {
			t.Errorf("snapshot %s is registered, and: %v", e.ID, err)
		}
		manifests = append(manifests, m)
	}
	return manifests
}

// AgentIsFine fails the test unless the agent is healthy and shows the function.
func (c *Control) AgentIsFine(t testing.TB, fn string) {
	t.Helper()
	for _, path := range []string{"/healthz", "/v1/functions/" + fn} {
		resp, err := http.Get(c.Agent.URL() + path)
		if err != nil {
			t.Errorf("the agent: %v", err)
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("the agent answers %s to %s", resp.Status, path)
		}
	}
}
