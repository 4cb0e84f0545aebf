package backend

import (
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/kvstore/storetest"
)

// oldPool is a pool as it was kept before entries had packs.
const oldPool = `[{"id":"a","request_number":1,"bytes":10,"manifest_sha256":"00","created":"2026-01-02T03:04:05Z"},
	{"id":"b","request_number":2,"bytes":10,"created":"2026-01-02T03:04:05Z","deleted":"2026-01-02T03:05:05Z"}]`

// An entry of old refers to its own pack, and can be used, shared and removed.
func TestPoolsOfOldAreRead(t *testing.T) {
	for name, open := range map[string]func(*testing.T) kvstore.Store{
		"file": func(t *testing.T) kvstore.Store {
			s := openTest(t, fileURL(t))
			err := s.(checked).Store.(*file).db.Update(func(tx *bbolt.Tx) error {
				return functionIn(tx, "f").put(poolKey, []byte(oldPool))
			})
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
		"redis": func(t *testing.T) kvstore.Store {
			s := openFlushed(t, storetest.StartRedis(t).URL(0))
			if err := s.(checked).Store.(*redisStore).db.Set(t.Context(), poolKeyOf("f"), oldPool, 0).Err(); err != nil {
				t.Fatal(err)
			}
			return s
		},
	} {
		t.Run(name, func(t *testing.T) { checkOldPool(t, open(t)) })
	}
}

func checkOldPool(t *testing.T, s kvstore.Store) {
	st, err := s.State(t.Context(), "f")
	if err != nil || len(st.Pool) != 2 || !st.Pool[0].Refers("a") || st.Pool[0].Refers("b") || st.Pending != nil {
		t.Fatalf("got %+v, %v", st, err)
	}
	now := time.Now()
	if added, err := s.AddEntry(t.Context(), "f", kvstore.Entry{ID: "c", Packs: []string{"c", "a", "b"}}); !added || err != nil {
		t.Fatalf("an entry that shares their packs: %v, %v", added, err)
	}
	if _, err := s.RemoveEntries(t.Context(), "f", []string{"a", "c"}, now); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"c", "a", "b"} {
		if err := s.CondemnEntry(t.Context(), "f", id, now); err != nil {
			t.Fatal(err)
		}
		if err := s.PurgeEntry(t.Context(), "f", id); err != nil {
			t.Fatal(err)
		}
	}
}
