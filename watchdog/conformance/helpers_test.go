package conformance_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
)

// arrived is a request as the function got it.
func (w *running) arrived(t *testing.T, r request) arrived {
	t.Helper()
	return parseArrived(t, w.send(r))
}

func parseArrived(t *testing.T, a answer) arrived {
	t.Helper()
	var got arrived
	if err := json.Unmarshal([]byte(a.Body), &got); err != nil {
		t.Fatalf("status %d, body %q: %v", a.Status, a.Body, err)
	}
	return got
}

// awaitFunction waits until the function answers through the watchdog, which
// may say that it is not healthy.
func (w *running) awaitFunction() {
	w.t.Helper()
	w.await("answer of the function", func() bool { return w.get("/status?code=200").Status == http.StatusOK })
}

// metric returns the value of a sample of the metrics; 0 if it is not there.
func (w *running) metric(sample string) float64 {
	w.t.Helper()
	for lines := bufio.NewScanner(strings.NewReader(w.metrics())); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), sample+" "); ok {
			var v float64
			if _, err := fmt.Sscan(rest, &v); err != nil {
				w.t.Fatalf("metric %s: %v", sample, err)
			}
			return v
		}
	}
	return 0
}

func (w *running) metrics() string {
	w.t.Helper()
	resp, err := w.client.Get(metricsURL)
	if err != nil {
		w.t.Fatal(err)
	}
	return read(resp).Body
}

func (w *running) inside(path string) string {
	return fmt.Sprintf("/proc/%d/root%s", w.box.PID(), path)
}

func (w *running) removeLock() {
	w.t.Helper()
	if err := os.Remove(w.inside(lockFile)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *running) writeLock() {
	w.t.Helper()
	if err := os.WriteFile(w.inside(lockFile), nil, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *running) locked() bool {
	_, err := os.Stat(w.inside(lockFile))
	return err == nil
}
