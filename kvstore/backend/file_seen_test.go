package backend

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// clock is a time that a test sets; stores read it from other goroutines, one
// call at a time.
type clock struct{ now time.Time }

func openAt(t *testing.T, c *clock) *file {
	t.Helper()
	s, err := openFile(filepath.Join(t.TempDir(), "kv.db"), func() time.Time { return c.now })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func reportOne(t *testing.T, s kvstore.Store, lifetime string, n int) kvstore.BatchResult {
	t.Helper()
	res, err := s.AddSamples(t.Context(), "f", kvstore.Batch{
		Lifetime: lifetime, Samples: []kvstore.Sample{{RequestNumber: n, LatencyUS: 10}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestFileRemembersLifetimesForADay(t *testing.T) {
	applied, duplicate := kvstore.BatchResult{Applied: 1}, kvstore.BatchResult{Duplicates: 1}
	start := time.Date(2026, 7, 1, 10, 59, 59, 0, time.UTC)
	for name, c := range map[string]struct {
		after time.Duration
		want  kvstore.BatchResult
	}{
		"a duplicate after a minute":   {time.Minute, duplicate},
		"a duplicate after 24 hours":   {kvstore.SeenFor, duplicate},
		"counted again after 26 hours": {kvstore.SeenFor + 2*time.Hour, applied},
	} {
		t.Run(name, func(t *testing.T) {
			clk := &clock{start.Add(-20 * time.Hour)}
			s := openAt(t, clk)
			reportOne(t, s, "old", 1)
			clk.now = start
			reportOne(t, s, "old", 2) // this is what the day counts from
			clk.now = start.Add(c.after)
			reportOne(t, s, "other", 1) // forgetting rides on other changes
			if diff := cmp.Diff(c.want, reportOne(t, s, "old", 2)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFileForgetsMoreThanItLearns(t *testing.T) {
	clk := &clock{time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)}
	s := openAt(t, clk)
	for i := range 100 {
		reportOne(t, s, fmt.Sprintf("day1-%d", i), 1)
	}
	clk.now = clk.now.Add(48 * time.Hour)
	for i := range 4 {
		reportOne(t, s, fmt.Sprintf("day3-%d", i), 1)
	}
	if diff := cmp.Diff(map[string]int{seenBucket: 4, expiryBucket: 4}, bucketSizes(t, s)); diff != "" {
		t.Errorf("lifetimes kept (-want +got):\n%s", diff)
	}
}

func bucketSizes(t *testing.T, s *file) map[string]int {
	t.Helper()
	sizes := map[string]int{}
	err := s.db.View(func(tx *bbolt.Tx) error {
		for _, name := range []string{seenBucket, expiryBucket} {
			sizes[name] = functionIn(tx, "f").bucket.Bucket([]byte(name)).Stats().KeyN
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sizes
}
