// Package harness runs the evaluation on one machine: for each benchmark
// function, strategy and eviction rate it starts a policy agent, a KV service
// and a worker (the real fwatchdog with the function, in a sandbox on a CPU of
// its own), sends it requests one after the other, and writes what it saw into
// the files of package benchmarks/results. A run can be interrupted at any
// point and goes on where it stopped. docs/benchmarks.md is the guide.
//
// A program that uses it must call sandbox.Init first in its main function,
// and be run by root.
package harness

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/policy"
)

// Config says what to run, with what, and where the results go.
type Config struct {
	// Functions are names of benchmark functions; Functions lists them.
	Functions []string
	// Strategies are strategy specs.
	Strategies []string
	// More are further strategies of some functions, and MoreRates the rates at
	// which they run, among the others; nil = all.
	More      map[string][]string
	MoreRates []int
	// Rates are eviction rates: requests that a lifetime serves.
	Rates []int
	// Requests is the number of requests of each configuration.
	Requests int
	// RequestsOf are the requests of a configuration, by function and rate, where
	// they are to be other than Requests.
	RequestsOf map[string]map[int]int
	// Pause lies between the end of a request and the start of the next, so
	// that evictions and starts fall between requests.
	Pause time.Duration
	// Settle is how much longer the client waits for a checkpoint that its last
	// request has set off; 0 = it does not, as in the published evaluation.
	Settle time.Duration
	// Mutability is the variance of the workload, as a factor; 1 in the paper.
	Mutability float64
	// Seed decides the order of the configurations and the agents' draws.
	Seed uint64
	// KeepRandom lets every restore of a snapshot repeat the same inputs, as
	// the published evaluation does.
	KeepRandom bool
	// NodeCache gives the workers of a configuration a cache of the node, as
	// deploy.sh --node-cache does; without it every start is one on a node that
	// has nothing.
	NodeCache bool
	// GCTime has functions report the time of garbage collection also where
	// asking for it makes the start of a process slower.
	GCTime bool
	// CPU is the one that workers run on; negative = the last one of this process.
	CPU int
	// WorkerCPUs is how many CPUs a worker has, CPU and those before it; 0 = 1.
	// With more, the JVM chooses its collector by itself.
	WorkerCPUs int

	// Gateway is an OpenFaaS gateway behind which the functions run; nil = they
	// run in workers on this machine. CPU, WorkerCPUs, Pool, Watchdog and the
	// like have no meaning then, and lifetimes are not recorded.
	Gateway *Gateway

	// Out is the path of the artifact's CSV; results.SetOf names the files
	// beside it.
	Out string
	// Work is a directory for the state of the run; what is large in it is
	// removed when a configuration is finished.
	Work string
	// Assembled is a directory for the functions, made ready to run, which runs
	// may share; "" = one in Work.
	Assembled string
	// Pool is where snapshots are kept: an s3:// URL of a server on loopback,
	// under which each configuration has a prefix, or "" for directories in Work.
	Pool string
	// Fresh removes what an earlier run has left in Out and Work.
	Fresh bool

	// Watchdog is the path of the fwatchdog program.
	Watchdog string
	// Benchmarks is the directory of build-local.sh.
	Benchmarks string
	// Progress is told what happens; nil = nobody.
	Progress Progress
}

// Check says what is wrong with the configuration; nothing is started by it.
// Whether the functions exist is not known before Run.
func (c Config) Check() error {
	return cmp.Or(
		checkList("functions", c.Functions, func(f string) error { return kvstore.CheckName("function", f) }),
		checkList("strategies", c.Strategies, checkStrategy),
		c.checkMore(),
		checkList("rates", c.Rates, checkRate),
		c.checkNumbers(),
		checkPool(c.Pool),
		c.checkPaths(),
	)
}

// checkList wants one or more values, each good and none twice.
func checkList[T comparable](what string, values []T, check func(T) error) error {
	if len(values) == 0 {
		return fmt.Errorf("%s: none given, want one or more", what)
	}
	for i, v := range values {
		if err := check(v); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if slices.Contains(values[:i], v) {
			return fmt.Errorf("%s: %v is given twice", what, v)
		}
	}
	return nil
}

func checkStrategy(spec string) error {
	_, err := policy.Parse(spec)
	return err
}

// checkMore checks further strategies, which must be others than those of all.
func (c Config) checkMore() error {
	for _, more := range c.More {
		if err := checkList("strategies", slices.Concat(c.Strategies, more), checkStrategy); err != nil {
			return err
		}
	}
	return nil
}

func checkRate(rate int) error {
	if rate < 1 {
		return fmt.Errorf("rate %d: want the number of requests that a lifetime serves, 1 or more", rate)
	}
	return nil
}

func (c Config) checkNumbers() error {
	switch {
	case c.Requests < 1:
		return fmt.Errorf("requests %d: want 1 or more", c.Requests)
	case c.WorkerCPUs < 0:
		return fmt.Errorf("CPUs of a worker %d: want 1 or more", c.WorkerCPUs)
	case c.Pause < 0:
		return fmt.Errorf("pause %s: want 0 or more", c.Pause)
	case c.Settle < 0:
		return fmt.Errorf("settle %s: want 0 or more", c.Settle)
	case !(c.Mutability >= 0): // not a number, too
		return fmt.Errorf("mutability %v: want a number of 0 or more", c.Mutability)
	}
	return nil
}

// checkPool refuses pools that a worker cannot reach: its sandbox has a
// loopback interface only.
func checkPool(pool string) error {
	if pool == "" {
		return nil
	}
	u, err := url.Parse(pool)
	if err != nil || u.Scheme != "s3" || u.Port() == "" {
		return errors.New("pool: want s3://[KEY:SECRET@]HOST:PORT/BUCKET[/PREFIX], or nothing for directories beside the results")
	}
	ip := net.ParseIP(u.Hostname())
	if u.Hostname() != "localhost" && !ip.IsLoopback() {
		return fmt.Errorf("pool: host %q: workers run in sandboxes and reach this machine's loopback only: want 127.0.0.1", u.Hostname())
	}
	return nil
}

func (c Config) checkPaths() error {
	switch {
	case c.Out == "" || filepath.Ext(c.Out) != ".csv":
		return fmt.Errorf("out %q: want a file whose name ends in .csv", c.Out)
	case c.Work == "":
		return errors.New("work: no directory given")
	case c.Gateway != nil && c.Pool != "":
		return errors.New("pool: behind a gateway it is the agents'")
	}
	if c.Gateway != nil {
		return c.Gateway.check(c.Benchmarks)
	}
	if info, err := os.Stat(c.Watchdog); err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return fmt.Errorf("watchdog %q: not a program: build it with 'go build -o bin/fwatchdog ./watchdog/fwatchdog'", c.Watchdog)
	}
	if _, err := os.Stat(c.assembler()); err != nil {
		return fmt.Errorf("benchmarks directory %q: it has no build-local.sh", c.Benchmarks)
	}
	return nil
}

// assembler is the script that lists and assembles functions.
func (c Config) assembler() string { return filepath.Join(c.Benchmarks, "build-local.sh") }

// requests is the number of requests of a configuration.
func (c Config) requests(cell Configuration) int {
	if n, ok := c.RequestsOf[cell.Function][cell.Rate]; ok {
		return n
	}
	return c.Requests
}
