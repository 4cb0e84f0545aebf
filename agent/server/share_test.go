package server

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// unregister makes tombstones of snapshots.
func (w world) unregister(t testing.TB, ids ...string) {
	t.Helper()
	if _, err := w.store.RemoveEntries(t.Context(), fn, ids, w.clock.now()); err != nil {
		t.Fatal(err)
	}
}

func (w world) entry(t testing.TB, id string) kvstore.Entry {
	t.Helper()
	e, known := entryOf(w.state(t).Pool, id)
	if !known {
		t.Fatalf("the store does not know %s", id)
	}
	return e
}

// A child stores only what is new, and is restored from both packs.
func TestSnapshotsShareWithTheirAncestors(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w world) {
		a := w.agent(t)
		c := a.client(t, "")
		image := run(1, 300)
		parent := upload{lifetime: "life-1", requestNumber: 1, image: image}.take(t, c)
		next := append(run(1, 290), run(900, 10)...)
		child := w.child(t, c, parent, image, "life-2", next)

		e := w.entry(t, child)
		if diff := cmp.Diff([]string{child, parent}, e.Packs); diff != "" || e.Parent != parent {
			t.Errorf("parent %s, packs (-want +got):\n%s", e.Parent, diff)
		}
		if own := w.bytesUnder(t, snapshot.Prefix(fn, child)); e.StoredBytes != own || own > 15*snapshot.PageSize || e.SharedBytes < 290*snapshot.PageSize {
			t.Errorf("the entry says %d bytes stored, %d shared; its objects have %d", e.StoredBytes, e.SharedBytes, own)
		}
		w.unregister(t, parent)
		plan := start(t, c, request("life-3", "fixed&request_to_checkpoint=2"))
		if plan.Restore == nil || plan.Restore.Snapshot != child {
			t.Fatalf("got %+v, want a start from %s", plan, child)
		}
		if pages, err := fetch(t.Context(), t, plan.Restore); err != nil || !bytes.Equal(pages, next.raw()) {
			t.Errorf("restored %d bytes, %v", len(pages), err)
		}
	})
}

func TestUploadsMayShareWhatIsThere(t *testing.T) {
	w := newWorld(t)
	c := w.agent(t).client(t, "")
	live, tomb := take(t, c, "life-1", 1).Snapshot, take(t, c, "life-2", 1).Snapshot
	w.unregister(t, tomb)
	up, err := c.Upload(t.Context(), agent.UploadRequest{Lifetime: "life-3", Packs: []string{"unknown", tomb, live}})
	if diff := cmp.Diff([]string{tomb, live}, up.Share); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if held := w.state(t).Pending; len(held) != 1 || held[0].ID != up.Snapshot || held[0].Until.Sub(w.clock.now()) > registerWithin {
		t.Errorf("reserved: %+v", held)
	}
	for name, packs := range map[string][]string{"a bad name": {"a/b"}, "too many": make([]string, kvstore.MaxPacks+1)} {
		if _, err := c.Upload(t.Context(), agent.UploadRequest{Lifetime: "life-3", Packs: packs}); httpx.StatusOf(err) != http.StatusBadRequest {
			t.Errorf("%s: got %v, want 400", name, err)
		}
	}
}

// Whenever the pack of the parent goes, the child stays out.
func TestSnapshotsOfWhichAPackIsGoneAreNotRegistered(t *testing.T) {
	image := run(1, 5)
	for _, when := range []string{"register: state read", "register: objects verified"} {
		t.Run("after "+when, func(t *testing.T) {
			w := newWorld(t)
			c := w.agent(t).client(t, "")
			parent := upload{lifetime: "life-1", requestNumber: 1, image: image}.take(t, c)
			reg := upload{lifetime: "life-2", requestNumber: 2, image: image, base: w.base(t, parent, image)}.store(t.Context(), t, c)
			w.unregister(t, parent)
			w.clock.pass(registerWithin - time.Minute) // the reservation holds
			keeper := w.agent(t)
			if err := keeper.upkeep(t.Context()); err != nil {
				t.Fatal(err)
			}
			if e := w.entry(t, parent); !e.Condemned.IsZero() {
				t.Fatal("the pack was condemned though it is reserved")
			}
			late := w.agent(t, func(cfg *Config) {
				cfg.Faults = func(step string) error {
					if step != when {
						return nil
					}
					w.clock.pass(2 * registerWithin) // the reservation is over
					return keeper.upkeep(t.Context())
				}
			})
			_, err := late.client(t, "").Register(t.Context(), reg)
			if status := httpx.StatusOf(err); status != 409 && status != 422 {
				t.Errorf("got %v, want 409, or 422 where the pack is gone already", err)
			}
			if when == "register: objects verified" && !strings.Contains(err.Error(), "a pack that the snapshot shares has been deleted") {
				t.Errorf("got %v", err)
			}
			if pool := w.state(t).Pool; len(pool) != 0 {
				t.Errorf("the pool has %+v", pool)
			}
		})
	}
}

func TestEncryptedSnapshotsTakeTheirKeys(t *testing.T) {
	w := newWorld(t)
	c := w.agent(t).client(t, "")
	ring := keyring(t)
	id := upload{lifetime: "life-1", requestNumber: 1, image: run(1, 5), keys: ring}.take(t, c)
	if diff := cmp.Diff(ring.IDs(), w.entry(t, id).KeyIDs); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	for lifetime, keys := range map[string][]string{"life-2": {"k0", ring.Current()}, "life-3": nil, "life-4": {"k2"}} {
		req := request(lifetime, afterFirst)
		req.KeyIDs = keys
		if plan := start(t, c, req); (plan.Restore != nil) != (lifetime == "life-2") {
			t.Errorf("a worker with the keys %q: %s", keys, plan.Reason)
		}
	}
}

// Snapshots that workers have no keys for any more do not stay for ever.
func TestSnapshotsWithLostKeysMakeRoomFirst(t *testing.T) {
	w := newWorld(t)
	locked := kvstore.Entry{ID: "locked", RequestNumber: 1, Platform: platform, KeyIDs: []string{"lost"}, Created: w.clock.now()}
	if _, err := w.store.AddEntry(t.Context(), fn, locked); err != nil {
		t.Fatal(err)
	}
	w.addEntries(t, 3, platform)
	start(t, w.agent(t).client(t, ""), request("life", "request_centric&max_capacity=3"))
	for _, e := range w.state(t).Pool {
		if e.Live() != (e.ID != "locked") {
			t.Errorf("%s: live %v", e.ID, e.Live())
		}
	}
}

func TestOperatorsRemoveSnapshots(t *testing.T) {
	w := newWorld(t)
	a := w.agent(t, func(c *Config) { c.Auth = httpx.NewAuth("operator") })
	w.addEntries(t, 1, platform)
	id := platform + "-s0"
	url := a.url + "/v1/functions/" + fn + "/snapshots/"
	for _, step := range []struct {
		claim, id, token string
		status           int
	}{
		{"not by the function", id, httpx.NewAuth("operator").FunctionToken(fn), 401},
		{"not what is not there", "unknown", "operator", 404},
		{"not a bad name", "a%20b", "operator", 400},
		{"by the operator", id, "operator", 204},
		{"once", id, "operator", 404},
	} {
		if resp, body := send(t, http.MethodDelete, url+step.id, step.token, nil); resp.StatusCode != step.status {
			t.Errorf("%s: got %d %s, want %d", step.claim, resp.StatusCode, body, step.status)
		}
	}
	if w.entry(t, id).Live() {
		t.Error("it is still live")
	}
}

func TestRangesOfObjects(t *testing.T) {
	w := newWorld(t)
	a := w.agent(t)
	key := snapshot.PackKey(fn, "x")
	if err := w.pool.Put(t.Context(), key, strings.NewReader("0123456789"), 10); err != nil {
		t.Fatal(err)
	}
	get, _ := presign(t, a, key)
	for header, c := range map[string]struct {
		status        int
		body, content string
	}{
		"":                            {200, "0123456789", ""},
		"bytes=0-0":                   {206, "0", "bytes 0-0/10"},
		"bytes=3-5":                   {206, "345", "bytes 3-5/10"},
		"bytes=0-9":                   {206, "0123456789", "bytes 0-9/10"},
		"bytes=8-":                    {206, "89", "bytes 8-9/10"},
		"bytes=8-100":                 {206, "89", "bytes 8-9/10"},
		"bytes=10-":                   {416, "", "bytes */10"},
		"bytes=5-3":                   {416, "", "bytes */10"},
		"bytes=-3":                    {416, "", "bytes */10"},
		"bytes=-":                     {416, "", "bytes */10"},
		"bytes=0-1,3-4":               {416, "", "bytes */10"},
		"bytes=+1-2":                  {416, "", "bytes */10"},
		"bytes=0-9223372036854775808": {416, "", "bytes */10"},
		"lines=1-2":                   {416, "", "bytes */10"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.url+get, nil)
		if err != nil {
			t.Fatal(err)
		}
		if header != "" {
			req.Header.Set("Range", header)
		}
		status, body, h := do(t, req)
		if status != c.status || h.Get("Content-Range") != c.content || status < 300 && body != c.body {
			t.Errorf("Range %q: got %d %q, %q; want %d %q, %q", header, status, h.Get("Content-Range"), body, c.status, c.content, c.body)
		}
	}
}

// Whatever is asked for lies inside the object.
func FuzzRanges(f *testing.F) {
	for _, header := range []string{"bytes=0-1", "bytes=5-", "bytes=-5", "bytes=9223372036854775807-", "bytes=1-0"} {
		f.Add(header, int64(10))
	}
	f.Fuzz(func(t *testing.T, header string, size int64) {
		first, last, ok := parseRange(header, size)
		if ok && (first < 0 || last < first || last >= size) {
			t.Errorf("%q of %d bytes: %d to %d", header, size, first, last)
		}
	})
}
