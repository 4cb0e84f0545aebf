package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/agent/server"
	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/kvstore/backend"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// shop is a store and a pool with snapshots, which a command can be run on.
type shop struct {
	store, pool string // URLs
	dir         string
	// parent and child are snapshots of bfs; the child shares the parent's pages.
	parent, child string
}

// newShop fills a store and a pool through a running agent, and ends the agent.
func newShop(t *testing.T) shop {
	t.Helper()
	dir := t.TempDir()
	s := shop{store: "file:" + filepath.Join(dir, "kv.db"), pool: "dir:" + filepath.Join(dir, "pool"), dir: dir}
	urls, stop := startAgent(t, 1, "--listen", "127.0.0.1:0", "--store", s.store, "--pool", s.pool)
	c, err := agent.NewClient(urls["policy agent"], "", "bfs")
	if err != nil {
		t.Fatal(err)
	}
	pages := bytes.Repeat([]byte("pronghorn "), 4096)[:8*snapshot.PageSize]
	for i := range 8 {
		pages[i*snapshot.PageSize] = byte(i) // no two alike
	}
	var m snapshot.Manifest
	s.parent, m = takeSnapshot(t, c, "life-1", 1, pages, nil, "")
	base, err := snapshot.NewBase(t.Context(), m, imageOf(t, pages))
	if err != nil {
		t.Fatal(err)
	}
	next := append(bytes.Clone(pages), bytes.Repeat([]byte{99}, snapshot.PageSize)...)
	s.child, _ = takeSnapshot(t, c, "life-2", 5, next, base, s.parent)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	return s
}

func imageOf(t *testing.T, pages []byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string][]byte{"core-20001.img": []byte("core"), "pages-1.img": pages} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func takeSnapshot(t *testing.T, c *agent.Client, lifetime string, n int, pages []byte, base *snapshot.Base, parent string) (string, snapshot.Manifest) {
	t.Helper()
	up, err := c.Upload(t.Context(), agent.UploadRequest{Lifetime: lifetime, RequestNumber: n, Packs: base.Packs()})
	if err != nil {
		t.Fatal(err)
	}
	image, err := snapshot.OpenImage(imageOf(t, pages))
	if err != nil {
		t.Fatal(err)
	}
	transfer := snapshot.NewTransfer(nil)
	stored, err := transfer.Store(t.Context(), snapshot.StoreRequest{
		PackURL: up.PackURL, ManifestURL: up.ManifestURL, Image: image, Base: base, Share: up.Share,
		Manifest: snapshot.Manifest{
			ID: up.Snapshot, Function: "bfs", Lifetime: lifetime, Parent: parent, RequestNumber: n, Created: time.Now(),
			Platform: "p", Runtime: "pypy", Process: snapshot.Process{PID: 20001, MaxTID: 20002, TIDs: []int{20001, 20002}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Register(t.Context(), agent.Registration{Snapshot: up.Snapshot, Lifetime: lifetime, ManifestSHA256: stored.ManifestSHA256}); err != nil {
		t.Fatal(err)
	}
	plan, err := c.Start(t.Context(), agent.StartRequest{Lifetime: lifetime + "-next", Platform: "p", Runtime: "pypy", Strategy: "fixed&request_to_checkpoint=1"})
	if err != nil || plan.Restore == nil || base != nil {
		return up.Snapshot, snapshot.Manifest{}
	}
	got, err := transfer.Fetch(t.Context(), snapshot.FetchRequest{
		ManifestURL: plan.Restore.ManifestURL, ManifestSHA256: plan.Restore.ManifestSHA256, PackURLs: plan.Restore.PackURLs(), Dir: filepath.Join(t.TempDir(), "r"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return up.Snapshot, got.Manifest
}

// snapshots runs a subcommand on the shop's store and pool.
func (s shop) snapshots(ctx context.Context, args ...string) (string, error) {
	return execute(ctx, newSnapshotsCommand(), append(args, "--store", s.store, "--pool", s.pool)...)
}

// with opens the store for a moment.
func (s shop) with(t *testing.T, do func(kvstore.Store) error) {
	t.Helper()
	store, err := backend.Open(t.Context(), s.store)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := do(store); err != nil {
		t.Fatal(err)
	}
}

func (s shop) pack(id string) string { return filepath.Join(s.dir, "pool", "bfs", id, "image.pack") }

func TestSnapshotsAreListed(t *testing.T) {
	s := newShop(t)
	text, err := s.snapshots(t.Context(), "ls")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"FUNCTION", s.parent, s.child, "live", "32.8 kB", "36.9 kB"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	var rows []snapshotRow
	decodeOutput(t, &rows, s, "ls", "bfs", "-o", "json", "--strategy", "fixed&request_to_checkpoint=5")
	if len(rows) != 2 || rows[0].Score != 1e6 || rows[1].RestoreProbability != 1 || rows[1].SharedBytes == 0 || rows[1].StoredBytes == 0 {
		t.Errorf("got %+v", rows)
	}
	s.with(t, func(store kvstore.Store) error {
		_, err := store.RemoveEntries(t.Context(), "bfs", []string{s.parent}, time.Now())
		return err
	})
	for flag, want := range map[string]string{"--all=false": "live", "--all": "deleted live"} {
		decodeOutput(t, &rows, s, "ls", "-o", "json", flag)
		var states []string
		for _, r := range rows {
			states = append(states, r.State)
		}
		if got := strings.Join(states, " "); got != want {
			t.Errorf("%s: got %q, want %q", flag, got, want)
		}
	}
	if text, err := s.snapshots(t.Context(), "ls", "unknown"); err != nil || text != "no snapshots\n" {
		t.Errorf("an unknown function: %q, %v", text, err)
	}
}

func decodeOutput(t *testing.T, into any, s shop, args ...string) {
	t.Helper()
	out, err := s.snapshots(t.Context(), args...)
	if err == nil {
		err = json.Unmarshal([]byte(out), into)
	}
	if err != nil {
		t.Fatalf("%v: %v in %s", args, err, out)
	}
}

func TestSnapshotsAreShown(t *testing.T) {
	s := newShop(t)
	text, err := s.snapshots(t.Context(), "show", "bfs", s.child)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"after request 5 of lifetime life-2", "from " + s.parent + " (request 1, live), from a cold start", "not encrypted",
		"bfs/" + s.child + "/manifest.json, pronghorn-snapshot/2", "pypy, pid 20001, 2 threads", "100.0 %",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	var view snapshotView
	decodeOutput(t, &view, s, "show", "bfs", s.child, "-o", "json")
	if len(view.Packs) != 2 || view.Packs[0].ID != s.child || view.Packs[1].Pages != 8 || view.Manifest.PageBytes != 9*snapshot.PageSize {
		t.Errorf("got %+v, %+v", view.Packs, view.Manifest)
	}
	if _, err := s.snapshots(t.Context(), "show", "bfs", "unknown"); !errors.Is(err, kvstore.ErrNotFound) {
		t.Errorf("an unknown snapshot: %v", err)
	}
}

func TestLineagesEndSomewhere(t *testing.T) {
	pool := []kvstore.Entry{{ID: "a", Parent: "b"}, {ID: "b", Parent: "a"}, {ID: "c", Parent: "lost", RequestNumber: 3}, {ID: "d", Parent: "c"}}
	for id, want := range map[string]string{
		"c": "from lost (gone)", "d": "from c (request 3, live), from lost (gone)",
		"a": "from b (request 0, live), from a (request 0, live), from b (request 0, live), from a (request 0, live)",
	} {
		e, _ := entryOf(pool, id)
		if got := lineageText(lineageOf(pool, e)); got != want {
			t.Errorf("%s: got %q, want %q", id, got, want)
		}
	}
}

func TestVerifyFindsWhatIsDamaged(t *testing.T) {
	s := newShop(t)
	text, err := s.snapshots(t.Context(), "verify")
	if err != nil || !strings.Contains(text, "2 snapshots") || !strings.Contains(text, "0 damaged") {
		t.Fatalf("undamaged: %q, %v", text, err)
	}
	raw, err := os.ReadFile(s.pack(s.child))
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)-1] ^= 1
	if err := os.WriteFile(s.pack(s.child), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args   []string
		broken []string
	}{
		"everything":       {nil, []string{s.child}},
		"one function":     {[]string{"bfs"}, []string{s.child}},
		"the damaged one":  {[]string{"bfs", s.child}, []string{s.child}},
		"the other":        {[]string{"bfs", s.parent}, nil},
		"sizes only":       {[]string{"--quick"}, nil},
		"another function": {[]string{"other"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := s.snapshots(t.Context(), append([]string{"verify", "-o", "json"}, c.args...)...)
			var results []verified
			if err := json.Unmarshal([]byte(out), &results); err != nil {
				t.Fatal(err)
			}
			var broken []string
			for _, r := range results {
				if !r.OK {
					broken = append(broken, r.Snapshot)
				}
			}
			if diff := cmp.Diff(c.broken, broken); diff != "" || (err != nil) != (c.broken != nil) {
				t.Errorf("%v; damaged (-want +got):\n%s", err, diff)
			}
		})
	}
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"snapshots", "verify", "--store", s.store, "--pool", s.pool}, nil, &stdout, &stderr)
	if code != exitFailed || !strings.Contains(stdout.String(), "DAMAGED bfs/"+s.child) || !strings.Contains(stderr.String(), "1 of 2 snapshots are damaged") {
		t.Errorf("exit code %d\n%s%s", code, stdout.String(), stderr.String())
	}
	if err := os.Remove(s.pack(s.parent)); err != nil {
		t.Fatal(err)
	}
	if text, err := s.snapshots(t.Context(), "verify", "--quick"); err == nil || !strings.Contains(text, "2 damaged") {
		t.Errorf("with a pack missing that both need: %q, %v", text, err)
	}
}

func TestRemovedSnapshotsGoWithTheirObjectsInTime(t *testing.T) {
	s := newShop(t)
	text, err := s.snapshots(t.Context(), "rm", "bfs", s.parent, "unknown", s.child)
	if !errors.Is(err, kvstore.ErrNotFound) || strings.Count(text, "unregistered; the agent deletes its objects after the lease") != 2 {
		t.Fatalf("got %q, %v", text, err)
	}
	if text, err := s.snapshots(t.Context(), "gc", "--lease", "1h"); err != nil || text != "0 objects deleted\n" {
		t.Errorf("within the lease: %q, %v", text, err)
	}
	time.Sleep(3100 * time.Millisecond) // the shortest lease
	for _, c := range []struct {
		args []string
		says string
		left bool
	}{
		{[]string{"--dry-run"}, "4 objects would be deleted\n", true},
		{nil, "4 objects deleted\n", false},
		{nil, "0 objects deleted\n", false},
	} {
		text, err := s.snapshots(t.Context(), append([]string{"gc", "--lease", "3s"}, c.args...)...)
		if err != nil || !strings.HasSuffix(text, c.says) {
			t.Errorf("%v: %q, %v", c.args, text, err)
		}
		if _, err := os.Stat(s.pack(s.parent)); (err == nil) != c.left {
			t.Errorf("%v: the pack is there: %v", c.args, err == nil)
		}
	}
	var none []server.Chore
	decodeOutput(t, &none, s, "gc", "-o", "json")
	if none == nil || len(none) != 0 {
		t.Errorf("as JSON: %v", none)
	}
}

// While an agent has the store open, the agent is asked.
func TestSnapshotsOfARunningAgent(t *testing.T) {
	s := newShop(t)
	urls, _ := startAgent(t, 1, "--listen", "127.0.0.1:0", "--store", s.store, "--pool", s.pool)
	url := urls["policy agent"]
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"ls":                 {[]string{"ls"}, s.child},
		"show":               {[]string{"show", "bfs", s.child}, "lineage"},
		"show with the pool": {[]string{"show", "bfs", s.child, "--pool", s.pool}, "PACK"},
		"verify":             {[]string{"verify", "--pool", s.pool}, "0 damaged"},
	} {
		if text, err := execute(t.Context(), newSnapshotsCommand(), append(c.args, "--agent", url)...); err != nil || !strings.Contains(text, c.says) {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if text, err := execute(t.Context(), newSnapshotsCommand(), "rm", "bfs", s.child, "--agent", url); err != nil || !strings.Contains(text, s.child) {
		t.Errorf("rm: %q, %v", text, err)
	}
	if _, err := execute(t.Context(), newSnapshotsCommand(), "rm", "bfs", s.child, "--agent", url); !errors.Is(err, kvstore.ErrNotFound) {
		t.Errorf("rm again: %v", err)
	}
	if _, err := s.snapshots(t.Context(), "ls"); err == nil || !strings.Contains(err.Error(), "another process has it open") {
		t.Errorf("with the store: %v", err)
	}
}

func TestSnapshotsRefuseWrongUsage(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.db")
	store, err := backend.Open(t.Context(), "file:"+empty)
	if err != nil || store.Close() != nil {
		t.Fatal(err)
	}
	there := []string{"--store", "file:" + empty, "--pool", "dir:" + dir}
	for name, c := range map[string]struct {
		args  []string
		says  string
		usage bool
	}{
		"an unknown command":     {[]string{"list"}, "list", true},
		"two functions":          {append([]string{"ls", "a", "b"}, there...), "usage", true},
		"a bad function":         {append([]string{"ls", "a/b"}, there...), `"a/b"`, true},
		"no snapshot":            {append([]string{"show", "bfs"}, there...), "show FUNCTION ID", true},
		"nothing to remove":      {append([]string{"rm", "bfs"}, there...), "rm FUNCTION ID...", true},
		"a bad id":               {append([]string{"rm", "bfs", ".."}, there...), `".."`, true},
		"an unknown output":      {append([]string{"ls", "-o", "yaml"}, there...), "text or json", true},
		"an unknown strategy":    {append([]string{"ls", "--strategy", "hot"}, there...), "--strategy", true},
		"a negative eviction":    {append([]string{"ls", "--eviction", "-1"}, there...), "--eviction", true},
		"an unknown store":       {[]string{"ls", "--store", "etcd://x"}, "--store", true},
		"a store not there":      {[]string{"ls", "--store", "file:" + dir + "/no.db"}, "nothing at that path", true},
		"a pool not there":       {[]string{"verify", "--store", "file:" + empty, "--pool", "dir:" + dir + "/no"}, "nothing at that path", true},
		"an unknown pool":        {[]string{"verify", "--pool", "ftp://x", "--store", "file:" + empty}, "--pool", true},
		"a bad agent":            {[]string{"ls", "--agent", "host"}, "--agent", true},
		"an agent and a store":   {append([]string{"ls", "--agent", "http://127.0.0.1:1"}, there...), "want one of them", true},
		"a key file not there":   {append([]string{"verify", "--key-file", dir + "/no"}, there...), "--key-file", true},
		"a lease too short":      {append([]string{"gc", "--lease", "1s"}, there...), "lease 1s", true},
		"a lease that is none":   {append([]string{"gc", "--lease", "2"}, there...), "--lease", true},
		"gc through an agent":    {[]string{"gc", "--agent", "http://127.0.0.1:1"}, "unknown flag", false},
		"gc with an empty store": {append([]string{"gc"}, there...), "knows no function", false},
		"an agent not there":     {[]string{"ls", "--agent", "http://127.0.0.1:1"}, "refused", false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := execute(t.Context(), newSnapshotsCommand(), c.args...)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v, want %q in it", err, c.says)
			}
			if usage := errors.As(err, new(usageError)); usage != c.usage {
				t.Errorf("%v: usage error %v, want %v", err, usage, c.usage)
			}
		})
	}
	if left, err := filepath.Glob(dir + "/no*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestAgesAreReadable(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Second: "1s", 119 * time.Second: "119s", 3 * time.Minute: "3m", 5 * time.Hour: "5h", 47 * time.Hour: "47h", 49 * time.Hour: "2d",
	} {
		if got := age(d); got != want {
			t.Errorf("%s: got %q, want %q", d, got, want)
		}
	}
}
