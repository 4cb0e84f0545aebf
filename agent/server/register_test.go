package server

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

func TestRegistrationBelievesTheManifestOnly(t *testing.T) {
	w := newWorld(t)
	reg := take(t, w.agent(t).client(t, ""), "life", 7)
	want := []kvstore.Entry{{
		ID: reg.Snapshot, RequestNumber: 7, Lifetime: "life", Platform: platform,
		Bytes: imageFor("life").bytes(), StoredBytes: w.bytesUnder(t, snapshot.Prefix(fn, reg.Snapshot)), Packs: []string{reg.Snapshot},
	}}
	got := w.state(t).Pool
	for i := range got {
		got[i].Created, got[i].ManifestSHA256 = time.Time{}, ""
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pool (-want +got):\n%s", diff)
	}
}

func TestUnfitSnapshotsAreNotRegistered(t *testing.T) {
	overwrite := func(t *testing.T, w world, key, content string) {
		t.Helper()
		if err := w.pool.Put(t.Context(), key, strings.NewReader(content), int64(len(content))); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		spoil  func(*testing.T, world, *agent.Registration)
		change func(*snapshot.Manifest)
		status int
	}{
		"a manifest that was changed afterwards": {
			spoil: func(t *testing.T, w world, r *agent.Registration) {
				overwrite(t, w, snapshot.ManifestKey(fn, r.Snapshot), "{}")
			}, status: 422},
		"a checksum of something else": {
			spoil:  func(_ *testing.T, _ world, r *agent.Registration) { r.ManifestSHA256 = strings.Repeat("0", 64) },
			status: 422},
		"a pack that was cut": {
			spoil: func(t *testing.T, w world, r *agent.Registration) {
				overwrite(t, w, snapshot.PackKey(fn, r.Snapshot), "pages")
			}, status: 422},
		"no pack": {
			spoil: func(t *testing.T, w world, r *agent.Registration) {
				if err := w.pool.Delete(t.Context(), snapshot.PackKey(fn, r.Snapshot)); err != nil {
					t.Fatal(err)
				}
			}, status: 422},
		"nothing uploaded at all": {
			spoil:  func(_ *testing.T, w world, r *agent.Registration) { r.Snapshot = newID(w.clock.now()) },
			status: 422},
		"a snapshot of another function": {change: func(m *snapshot.Manifest) { m.Function = "other" }, status: 422},
		"a snapshot of another lifetime": {change: func(m *snapshot.Manifest) { m.Lifetime = "other" }, status: 422},
		"an id that nobody gave out": {
			spoil:  func(_ *testing.T, _ world, r *agent.Registration) { r.Snapshot = "mine" },
			status: 400},
		"an upload of long ago": {
			spoil:  func(_ *testing.T, w world, _ *agent.Registration) { w.clock.pass(registerWithin + 2*time.Second) },
			status: 400},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			client := w.agent(t).client(t, "")
			change := func(*snapshot.Manifest) {}
			if c.change != nil {
				change = c.change
			}
			reg := store(t.Context(), t, client, "life", 1, change)
			if c.spoil != nil {
				c.spoil(t, w, &reg)
			}
			_, err := client.Register(t.Context(), reg)
			if httpx.StatusOf(err) != c.status {
				t.Errorf("got %v, want %d", err, c.status)
			}
			if pool := w.state(t).Pool; len(pool) != 0 {
				t.Errorf("the pool has %+v", pool)
			}
		})
	}
}

func TestRegisteringAgainChangesNothing(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w world) {
		c := w.agent(t).client(t, "")
		reg := store(t.Context(), t, c, "life", 1)
		for range 3 {
			done, err := c.Register(t.Context(), reg)
			if diff := cmp.Diff(agent.Registered{Snapshot: reg.Snapshot}, done); err != nil || diff != "" {
				t.Fatalf("%v (-want +got):\n%s", err, diff)
			}
		}
		if n := len(w.state(t).Pool); n != 1 {
			t.Errorf("the pool has %d entries", n)
		}
		if _, err := w.store.RemoveEntries(t.Context(), fn, []string{reg.Snapshot}, w.clock.now()); err != nil {
			t.Fatal(err)
		}
		done, err := c.Register(t.Context(), reg)
		if diff := cmp.Diff([]string{reg.Snapshot}, done.Pruned); err != nil || diff != "" {
			t.Errorf("after it was pruned: %v (-want +got):\n%s", err, diff)
		}
		reg.ManifestSHA256 = strings.Repeat("0", 64)
		if _, err := c.Register(t.Context(), reg); httpx.StatusOf(err) != http.StatusConflict {
			t.Errorf("with another manifest: got %v, want 409", err)
		}
	})
}

func TestRegistrationKeepsThePoolWithinItsCapacity(t *testing.T) {
	w := newWorld(t)
	w.addEntries(t, 5, "arm64") // of other nodes: not in the way
	c := w.agent(t).client(t, "")
	start(t, c, request("life-0", "request_centric&max_capacity=3"))
	var pruned []string
	for n := 1; n <= 4; n++ {
		pruned = append(pruned, take(t, c, fmt.Sprintf("life-%d", n), n).Pruned...)
	}
	live := totalsOf(w.state(t).Pool).Live
	if len(pruned) != 2 || live != 5+2 { // 4 > 3: the best round(0.4·4) stay, and round(0.1·2) others
		t.Errorf("pruned %v, %d live; want 2 pruned, 7 live", pruned, live)
	}
}

func TestQuarantinedSnapshotsMakeRoomFirst(t *testing.T) {
	w := newWorld(t)
	w.addEntries(t, 4, platform)
	bad := platform + "-s0"
	for _, lifetime := range []string{"a", "b"} {
		if _, err := w.store.FailEntry(t.Context(), fn, bad, lifetime); err != nil {
			t.Fatal(err)
		}
	}
	start(t, w.agent(t).client(t, ""), request("life", "request_centric&max_capacity=3"))
	var gone []string
	for _, e := range w.state(t).Pool {
		if !e.Deleted.IsZero() {
			gone = append(gone, e.ID)
		}
	}
	if diff := cmp.Diff([]string{bad}, gone); diff != "" {
		t.Errorf("pruned (-want +got):\n%s", diff)
	}
}

// Two agents on one store and one pool, with workers that register and start
// through both: afterwards the pool is within its capacity, everything that is
// registered has its data, and nothing was deleted before its lease was over.
func TestTwoAgentsOnOnePool(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w world) {
		const workers, lifetimes, capacity = 6, 5, 4
		agents := []testAgent{w.agent(t), w.agent(t)}
		spec := fmt.Sprintf("request_centric&max_capacity=%d", capacity)
		var all sync.WaitGroup
		for worker := range workers {
			all.Go(func() {
				for i := range lifetimes {
					c := agents[(worker+i)%2].client(t, "")
					id := fmt.Sprintf("life-%d-%d", worker, i)
					if _, err := c.Start(t.Context(), request(id, spec)); err != nil {
						t.Error(err)
					}
					if _, err := c.Register(t.Context(), store(t.Context(), t, c, id, i+1)); err != nil {
						t.Error(err)
					}
					if err := agents[worker%2].upkeep(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		checkInvariants(t, w, capacity)
		if n := len(w.keys(t)); n != 2*workers*lifetimes {
			t.Errorf("%d objects: some were deleted before the lease was over", n)
		}

		w.clock.pass(DefaultLease + time.Second)
		for _, a := range agents {
			if err := a.upkeep(t.Context()); err != nil {
				t.Error(err)
			}
		}
		checkInvariants(t, w, capacity)
		if pool, keys := w.state(t).Pool, w.keys(t); len(keys) != 2*len(pool) {
			t.Errorf("%d objects of %d entries are left", len(keys), len(pool))
		}
	})
}

func checkInvariants(t *testing.T, w world, capacity int) {
	t.Helper()
	live := totalsOf(w.state(t).Pool).Live
	if live == 0 || live > capacity {
		t.Errorf("%d snapshots in the pool, want 1 to %d", live, capacity)
	}
	w.checkWhole(t)
}

func TestObjectURLsAreGoodForOneThing(t *testing.T) {
	w := newWorld(t)
	a := w.agent(t)
	key := snapshot.PackKey(fn, "x")
	content := []byte("content")
	get, put := presign(t, a, key)
	if resp, body := send(t, http.MethodPut, a.url+put, "", content); resp.StatusCode != http.StatusNoContent {
		t.Fatalf("put: %d %s", resp.StatusCode, body)
	}
	other := newSigner(httpx.Auth{}, w.clock.now)
	forged, err := other.PresignGet(t.Context(), key, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		method, url string
		want        int
	}{
		"reading":                     {"GET", get, 200},
		"asking for the size":         {"HEAD", get, 200},
		"reading with a put's URL":    {"GET", put, 403},
		"writing with a get's URL":    {"PUT", get, 403},
		"another object":              {"GET", strings.Replace(get, "/x/", "/y/", 1), 403},
		"a way out of the pool":       {"GET", strings.Replace(get, "/x/", "/%2e%2e/", 1), 403},
		"a longer life":               {"GET", strings.Replace(get, "exp=", "exp=9", 1), 403},
		"another operation":           {"PUT", strings.Replace(get, "op=get", "op=put", 1), 403},
		"no signature":                {"GET", strings.Replace(get, "sig=", "sog=", 1), 403},
		"another agent's signature":   {"GET", forged, 403},
		"another method":              {"DELETE", get, 405},
		"an object that is not there": {"GET", firstOf(presign(t, a, "a/b/c")), 404},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := send(t, c.method, a.url+c.url, "", nil)
			if resp.StatusCode != c.want {
				t.Errorf("got %d %s, want %d", resp.StatusCode, body, c.want)
			}
			if c.want == 200 && (resp.ContentLength != int64(len(content)) || c.method == "GET" && body != string(content)) {
				t.Errorf("got %d bytes, %q", resp.ContentLength, body)
			}
		})
	}
	w.clock.pass(DefaultURLTTL + time.Second)
	if resp, body := send(t, http.MethodGet, a.url+get, "", nil); resp.StatusCode != 403 || !strings.Contains(body, "expired") {
		t.Errorf("an expired URL: %d %s", resp.StatusCode, body)
	}
}

func firstOf(a, _ string) string { return a }

func presign(t *testing.T, a testAgent, key string) (get, put string) {
	t.Helper()
	get, err := a.presign.PresignGet(t.Context(), key, DefaultURLTTL)
	if err != nil {
		t.Fatal(err)
	}
	put, err = a.presign.PresignPut(t.Context(), key, DefaultURLTTL)
	if err != nil {
		t.Fatal(err)
	}
	return get, put
}

func TestAgentsWithOneTokenAcceptEachOthersURLs(t *testing.T) {
	w := newWorld(t)
	withToken := func(c *Config) { c.Auth = httpx.NewAuth("operator") }
	one, two := w.agent(t, withToken), w.agent(t, withToken)
	_, put := presign(t, one, "a/b/c")
	if resp, body := send(t, http.MethodPut, two.url+put, "", []byte("x")); resp.StatusCode != http.StatusNoContent {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
}

func TestUploadsThroughTheAgentAreBounded(t *testing.T) {
	w := newWorld(t)
	a := w.agent(t)
	_, manifest := presign(t, a, snapshot.ManifestKey(fn, "x"))
	_, numbered := presign(t, a, snapshot.ManifestObject(fn, "x", "manifest-7.json"))
	_, pack := presign(t, a, snapshot.PackKey(fn, "x"))
	for name, c := range map[string]struct {
		url    string
		length int64 // -1 = not said
		body   int
		want   int
	}{
		"a manifest at the limit":    {manifest, maxManifest, maxManifest, 204},
		"a manifest above the limit": {manifest, maxManifest + 1, maxManifest + 1, 413},
		"another above the limit":    {numbered, maxManifest + 1, maxManifest + 1, 413},
		"a pack above the limit":     {pack, maxPack + 1, 1, 413},
		"no length":                  {pack, -1, 10, 411},
		"an empty object":            {pack, 0, 0, 204},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, a.url+c.url, bytes.NewReader(make([]byte, c.body)))
			if err != nil {
				t.Fatal(err)
			}
			req.ContentLength = c.length
			if c.length == 0 {
				req.Body = http.NoBody
			}
			req.Header.Set("Expect", "100-continue")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != c.want {
				t.Errorf("got %d, want %d", resp.StatusCode, c.want)
			}
		})
	}
}
