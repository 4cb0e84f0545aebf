package backend

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/kvstore/storetest"
)

func TestRedisComesBack(t *testing.T) {
	r := storetest.StartRedis(t)
	s := openTest(t, r.URL(0))
	reportOne(t, s, "a", 1)

	r.Stop()
	for range 3 {
		start := time.Now()
		if _, err := s.State(t.Context(), "f"); !errors.Is(err, kvstore.ErrUnavailable) {
			t.Errorf("while Redis is down: got %v, want ErrUnavailable", err)
		}
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("the error took %s", took)
		}
	}

	r.Start(t)
	deadline := time.Now().Add(10 * time.Second)
	for {
		_, err := s.AddSamples(t.Context(), "f", kvstore.Batch{Lifetime: "b", Samples: []kvstore.Sample{{RequestNumber: 1, LatencyUS: 5}}})
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("Redis is back, but: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestRedisThatHangsIsNotWaitedFor(t *testing.T) {
	r := storetest.StartRedis(t)
	s := openTest(t, r.URL(0))
	resume := r.Hang(t)
	defer resume()
	start := time.Now()
	if _, err := s.State(t.Context(), "f"); !errors.Is(err, kvstore.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	if took := time.Since(start); took > 2*redisTimeout {
		t.Errorf("the error took %s", took)
	}
	resume()
	if _, err := s.State(t.Context(), "f"); err != nil {
		t.Errorf("after it went on: %v", err)
	}
}

func TestRedisForgetsLifetimes(t *testing.T) {
	s := openTest(t, storetest.StartRedis(t).URL(0))
	reportOne(t, s, "a", 1)
	db := s.(checked).Store.(*redisStore).db
	keys, err := db.Keys(t.Context(), "pronghorn:seen:*:a").Result()
	if err != nil || len(keys) != 1 {
		t.Fatalf("got keys %q (%v), want one", keys, err)
	}
	ttl, err := db.TTL(t.Context(), keys[0]).Result()
	if err != nil || ttl > kvstore.SeenFor || ttl < kvstore.SeenFor-time.Minute {
		t.Errorf("%s is kept for %s (%v), want %s", keys[0], ttl, err, kvstore.SeenFor)
	}
}

func TestRedisKeysHaveThePrefixAndGo(t *testing.T) {
	s := openTest(t, storetest.StartRedis(t).URL(3))
	reportOne(t, s, "a", 1)
	if _, err := s.AddEntry(t.Context(), "f", kvstore.Entry{ID: "x"}); err != nil {
		t.Fatal(err)
	}
	if err := s.SetParams(t.Context(), "f", 0, kvstore.DefaultParams()); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteFunction(t.Context(), "f"); err != nil {
		t.Fatal(err)
	}
	keys, err := s.(checked).Store.(*redisStore).db.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if !strings.HasPrefix(key, "pronghorn:seen:") {
			t.Errorf("key %s is left", key)
		}
	}
	if diff := cmp.Diff(1, len(keys)); diff != "" {
		t.Errorf("keys that are left to expire (-want +got):\n%s", diff)
	}
}
