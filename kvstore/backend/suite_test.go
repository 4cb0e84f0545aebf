package backend

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/kvstore/storetest"
)

func TestFileStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) kvstore.Store { return openTest(t, fileURL(t)) })
}

func TestRedisStore(t *testing.T) {
	r := storetest.StartRedis(t)
	storetest.Run(t, func(t *testing.T) kvstore.Store { return openFlushed(t, r.URL(0)) })
}

// TestBackendsAgree makes the same random changes in both.
func TestBackendsAgree(t *testing.T) {
	stores := []kvstore.Store{openTest(t, fileURL(t)), openFlushed(t, storetest.StartRedis(t).URL(0))}
	var states []kvstore.State
	for _, s := range stores {
		version := int64(0)
		for i, c := range storetest.Changes(7, 400) {
			next, _, err := c.Apply(t.Context(), s, "f", version)
			if err != nil {
				t.Fatalf("change %d: %v", i, err)
			}
			version = next
		}
		st, err := s.State(t.Context(), "f")
		if err != nil {
			t.Fatal(err)
		}
		states = append(states, st)
	}
	if diff := cmp.Diff(states[0], states[1]); diff != "" {
		t.Errorf("file and Redis differ (-file +redis):\n%s", diff)
	}
}

func fileURL(t testing.TB) string { return "file:" + filepath.Join(t.TempDir(), "new", "dir", "kv.db") }

func openTest(t testing.TB, url string) kvstore.Store {
	t.Helper()
	s, err := Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func openFlushed(t testing.TB, url string) kvstore.Store {
	t.Helper()
	s := openTest(t, url)
	if err := s.(checked).Store.(*redisStore).db.FlushDB(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	return s
}
