package containertest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// snapshotRights is the smallest set of docker's options with which snapshots
// work; docs/privileges.md has what each is for. SYS_CHROOT and SETPCAP are
// among docker's defaults.
var snapshotRights = []string{
	"--cap-add=SYS_ADMIN", "--cap-add=SYS_TIME", "--cap-add=NET_ADMIN",
	"--security-opt=seccomp=unconfined",
}

// runtime is one of our templates with its test function.
type runtime struct {
	name, template string
	// repeated are the sources of random numbers that repeat in every restore
	// unless the after-restore hook reseeds them; all others must differ in
	// any case.
	repeated []string
}

var runtimes = []runtime{
	{"pypy", "criu-pypy", []string{"openssl", "random", "tls"}},
	{"java", "criu-java", []string{"local", "random"}},
	{"node", "criu-node", []string{"integer", "openssl", "random", "tls", "uuid"}},
}

func (r runtime) image(t testing.TB) string {
	t.Helper()
	return functionImage(t, r.template, "testdata/"+r.name)
}

func forEachRuntime(t *testing.T, test func(t *testing.T, r runtime, image string)) {
	for _, r := range runtimes {
		t.Run(r.name, func(t *testing.T) {
			needEngine(t)
			test(t, r, r.image(t))
		})
	}
}

func fixed(requestNumber int) string {
	return fmt.Sprintf("fixed&request_to_checkpoint=%d", requestNumber)
}

// checkpointed runs a container until it has put the snapshot of request n
// into the pool, and returns its reports.
func checkpointed(t testing.TB, s *services, image, function string, n, requests int, options ...string) (*container, []report) {
	t.Helper()
	return checkpointedWith(t, s, snapshotRights, image, function, n, requests, options...)
}

// checkpointedWith does so with these rights.
func checkpointedWith(t testing.TB, s *services, rights []string, image, function string, n, requests int, options ...string) (*container, []report) {
	t.Helper()
	args := append(slices.Clone(rights), s.options(t, function, fixed(n))...)
	args = append(args, options...)
	for {
		c := start(t, image, args...)
		c.waitUntilHealthy()
		var reports []report
		for range requests {
			reports = append(reports, c.call())
		}
		if !c.startedTooLate() {
			c.waitForLog("checkpoint taken")
			return c, reports
		}
		t.Log("this machine was too busy for a plan in time: once more")
		c.remove()
	}
}

// startedTooLate reports that the watchdog gave up waiting, as it does after
// two seconds, and started the function cold and without a plan.
func (c *container) startedTooLate() bool {
	return strings.Contains(c.logs(), "context deadline exceeded")
}

// A function goes on in a new container where it stopped in the old one, ten
// times in a row: its state, its log, and its speed.
func TestFunctionGoesOnInTenContainers(t *testing.T) {
	const generations, requests = 10, 3
	forEachRuntime(t, func(t *testing.T, r runtime, image string) {
		s := startServices(t)
		var first []time.Duration
		for generation := range generations {
			served := generation * requests
			c, reports := checkpointed(t, s, image, r.name, served+requests, requests)
			for i, got := range reports {
				if want := served + i + 1; got.Count != want || got.Restores != generation {
					t.Fatalf("container %d, request %d: count %d, restores %d, want %d and %d", generation+1, i+1, got.Count, got.Restores, want, generation)
				}
			}
			log := c.logs()
			for i := range reports {
				if line := fmt.Sprintf("function request %d\n", served+i+1); !strings.Contains(log, line) {
					t.Errorf("the log of container %d does not have %q", generation+1, line)
				}
			}
			first = append(first, reports[0].Took)
			c.remove()
		}
		t.Logf("first request: cold %v, restored %v", first[0].Round(time.Millisecond), rounded(first[1:]))
		// These functions have little to warm up, and the machine may be noisy.
		if restored := slices.Sorted(slices.Values(first[1:]))[generations/2]; restored > 3*first[0]/2 {
			t.Errorf("the first request of a restored container took %v (median), of the cold one %v", restored, first[0])
		}
	})
}

func rounded(all []time.Duration) []time.Duration {
	short := make([]time.Duration, len(all))
	for i, d := range all {
		short[i] = d.Round(time.Millisecond)
	}
	return short
}

// Two containers that start from one snapshot at the same time give out
// different random numbers. Without the hook some repeat, so the test can fail.
func TestRestoresDoNotShareRandomNumbers(t *testing.T) {
	forEachRuntime(t, func(t *testing.T, r runtime, image string) {
		s := startServices(t)
		origin, _ := checkpointed(t, s, image, r.name, 3, 4)
		origin.remove()
		cases := map[string]struct {
			options []string
			same    []string
		}{
			"with the hook":    {nil, nil},
			"without the hook": {[]string{"--env=snapshot_hook_after_restore="}, r.repeated},
		}
		for name, test := range cases {
			t.Run(name, func(t *testing.T) {
				a, b := restoredTwice(t, s, image, r.name, test.options)
				if same := repeated(a, b); !slices.Equal(same, test.same) {
					t.Errorf("both restores gave the same %v, want %v\n%v\n%v", same, test.same, a, b)
				}
			})
		}
	})
}

// restoredTwice starts two containers from one snapshot at once and returns
// the random numbers of their first requests.
func restoredTwice(t *testing.T, s *services, image, function string, options []string) (a, b map[string]any) {
	t.Helper()
	args := append(append(slices.Clone(snapshotRights), s.options(t, function, fixed(3))...), options...)
	one, two := start(t, image, args...), start(t, image, args...)
	var both [2]report
	var wg sync.WaitGroup
	for i, c := range []*container{one, two} {
		wg.Go(func() {
			c.waitUntilHealthy()
			both[i] = c.call()
		})
	}
	wg.Wait()
	if one.startedTooLate() || two.startedTooLate() {
		t.Log("this machine was too busy for a plan in time: once more")
		one.remove()
		two.remove()
		return restoredTwice(t, s, image, function, options)
	}
	for i, got := range both {
		if got.Count != 4 {
			t.Fatalf("restore %d answered request %d, want 4: it was not restored", i+1, got.Count)
		}
	}
	return both[0].Numbers, both[1].Numbers
}

// repeated are the keys that have the same value in both, sorted.
func repeated(a, b map[string]any) []string {
	var same []string
	for _, key := range slices.Sorted(maps.Keys(a)) {
		if a[key] == b[key] {
			same = append(same, key)
		}
	}
	return same
}
