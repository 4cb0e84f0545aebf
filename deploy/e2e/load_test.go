package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// load is a steady stream of requests to a service, as a gateway sends them.
// It never tries again: whatever is no answer 200 is a failed request.
type load struct {
	stop context.CancelFunc
	done sync.WaitGroup

	mu     sync.Mutex
	took   []time.Duration
	failed []string
}

// startLoad sends requests in so many streams, each a new one every period or
// when the last one is answered, whichever is later. Every other stream keeps
// its connection, the rest open one for each request.
func startLoad(t testing.TB, url string, streams int, period time.Duration) *load {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	l := &load{stop: stop}
	for i := range streams {
		client := &http.Client{
			Timeout:   60 * time.Second,
			Transport: &http.Transport{DisableKeepAlives: i%2 == 1},
		}
		l.done.Go(func() { l.stream(ctx, client, url, period) })
	}
	t.Cleanup(func() { l.end() })
	return l
}

func (l *load) stream(ctx context.Context, client *http.Client, url string, period time.Duration) {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		begin := time.Now()
		err := once(client, url)
		l.note(begin, time.Since(begin), err)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// once is not bound to the load's context: the last request is answered, too.
// Go's client repeats a GET by itself when its connection breaks, and a POST
// only if nothing of it was sent.
func once(client *http.Client, url string) error {
	resp, err := client.Post(url, "text/plain", http.NoBody)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %.200s", resp.Status, body)
	}
	return nil
}

func (l *load) note(begin time.Time, took time.Duration, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.took = append(l.took, took)
	if err != nil {
		l.failed = append(l.failed, fmt.Sprintf("%s after %v: %v", begin.Format("15:04:05.000"), took.Round(time.Millisecond), err))
	}
}

func (l *load) end() {
	l.stop()
	l.done.Wait()
}

// sent is how many requests have been answered or have failed so far.
func (l *load) sent() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.took)
}

// check fails the test if a request failed, and logs how long those since the
// number of before took.
func (l *load) check(t testing.TB, name string, before int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	since := slices.Clone(l.took[before:])
	slices.Sort(since)
	for _, failure := range l.failed {
		t.Errorf("%s: %s", name, failure)
	}
	l.failed = nil
	t.Logf("%s: %d requests, median %v, slowest %v", name, len(since),
		since[len(since)/2].Round(time.Millisecond), since[len(since)-1].Round(time.Millisecond))
}
