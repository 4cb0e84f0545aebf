package backend

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

const (
	killURL     = "PRONGHORN_TEST_KILL_URL"
	killRound   = "PRONGHORN_TEST_KILL_ROUND"
	killWorkers = 8
	killLatency = 250
)

// TestFileSurvivesKill kills a writing process three times on the same file:
// what was acknowledged is there, and nothing is there by half.
func TestFileSurvivesKill(t *testing.T) {
	url := fileURL(t)
	acked := map[string]int{}
	for round := range 3 {
		for _, lifetime := range killWriter(t, url, round) {
			acked[lifetime]++
		}
		checkAcked(t, url, acked, (round+1)*killWorkers)
	}
}

// killWriter runs TestKilledWriter in a process of its own, kills it while it
// writes and returns the lifetimes of the samples that it had acknowledged.
func killWriter(t *testing.T, url string, round int) (lines []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledWriter$")
	cmd.Env = append(os.Environ(), killURL+"="+url, fmt.Sprintf("%s=%d", killRound, round))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }() // "signal: killed"
	time.AfterFunc(300*time.Millisecond, func() { _ = cmd.Process.Kill() })
	for in := bufio.NewScanner(out); in.Scan(); {
		if lifetime, ok := strings.CutPrefix(in.Text(), "acked "); ok {
			lines = append(lines, lifetime)
		}
	}
	return lines
}

// checkAcked sends everything acknowledged again: all of it must be known.
func checkAcked(t *testing.T, url string, acked map[string]int, inFlight int) {
	t.Helper()
	s := openTest(t, url)
	defer s.Close()
	total := 0
	for lifetime, n := range acked {
		total += n
		b := kvstore.Batch{Lifetime: lifetime}
		for i := range n {
			b.Samples = append(b.Samples, kvstore.Sample{RequestNumber: i + 1, LatencyUS: killLatency})
		}
		if res, err := s.AddSamples(t.Context(), "f", b); err != nil || res.Duplicates != n {
			t.Fatalf("%d samples of %s were acknowledged, %d are in the file (%v)", n, lifetime, res.Duplicates, err)
		}
	}
	st, err := s.State(t.Context(), "f")
	if err != nil {
		t.Fatal(err)
	}
	if total == 0 || st.Samples < int64(total) || st.Samples > int64(total+inFlight) {
		t.Errorf("%d samples in the file, %d acknowledged and at most %d in flight", st.Samples, total, inFlight)
	}
	if st.LatenciesUS[0] != killLatency {
		t.Errorf("slot 0 is %v, want %v", st.LatenciesUS[0], killLatency)
	}
	checkPages(t, s)
}

func checkPages(t *testing.T, s kvstore.Store) {
	t.Helper()
	err := s.(checked).Store.(*file).db.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			t.Errorf("damaged file: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestKilledWriter is the process that TestFileSurvivesKill kills.
func TestKilledWriter(t *testing.T) {
	url := os.Getenv(killURL)
	if url == "" {
		t.Skip("only runs as a child of TestFileSurvivesKill")
	}
	s := openTest(t, url)
	var wg sync.WaitGroup
	for w := range killWorkers {
		worker := fmt.Sprintf("r%s-w%d", os.Getenv(killRound), w)
		wg.Go(func() { writeUntilKilled(t, s, worker) })
	}
	wg.Wait()
}

func writeUntilKilled(t *testing.T, s kvstore.Store, worker string) {
	for i := 0; ; i++ {
		lifetime := fmt.Sprintf("%s-%d", worker, i/100)
		_, err := s.AddSamples(t.Context(), "f", kvstore.Batch{
			Lifetime: lifetime, Samples: []kvstore.Sample{{RequestNumber: i%100 + 1, LatencyUS: killLatency}},
		})
		if err != nil {
			t.Error(err)
			return
		}
		// One write of a short line to a pipe is atomic.
		_, _ = os.Stdout.WriteString("acked " + lifetime + "\n")
	}
}
