package faults_test

import (
	"sync"
	"testing"

	"github.com/pronghorn-faas/pronghorn/internal/miniotest"
	"github.com/pronghorn-faas/pronghorn/internal/sandbox"
	"github.com/pronghorn-faas/pronghorn/watchdog/watchdogtest"
)

// TestBurstOfStartsDownloadsOnce starts six containers of a node at once from
// one snapshot.
func TestBurstOfStartsDownloadsOnce(t *testing.T) {
	const containers = 6
	bin, f := programs(t)
	s, c := newStore(t, miniotest.Start(t), "checkpoints")
	snapshotOf(t, c, bin, f, "COUNTER_MIB=16")
	s.packReads.Store(0)
	cache := "snapshot_cache_dir=" + t.TempDir()
	started := make([]*watchdogtest.Watchdog, containers)
	var burst sync.WaitGroup
	for i := range started {
		burst.Go(func() {
			started[i] = c.LaunchIn(t, sandbox.Spec{}, bin, f, afterFirst, cache, "COUNTER_MIB=16")
		})
	}
	burst.Wait()
	for _, w := range started {
		w.AwaitHealth()
		w.Drive(2)
		if w.Metric(watchdogtest.Restored) != 1 {
			t.Errorf("not restored:\n%s", w.Log.String())
		}
	}
	pack := c.VerifyPool(t, fn, nil)[0].Packs[0].Bytes
	if read := s.packReads.Load(); read < pack*9/10 || read > pack*11/10 {
		t.Errorf("%d bytes of packs were downloaded by %d containers, the pack has %d", read, containers, pack)
	}
}
