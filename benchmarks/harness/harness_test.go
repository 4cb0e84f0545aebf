package harness_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/benchmarks/harness"
	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
	"github.com/pronghorn-faas/pronghorn/internal/require"
	"github.com/pronghorn-faas/pronghorn/internal/sandbox"
	"github.com/pronghorn-faas/pronghorn/watchdog/watchdogtest"
)

func TestMain(m *testing.M) {
	sandbox.Init()
	os.Exit(m.Run())
}

// interrupter ends the context after so many requests.
type interrupter struct {
	after  int
	cancel context.CancelFunc
}

func (i *interrupter) Start([]harness.Step, func(harness.Configuration) int) {}
func (i *interrupter) Begin(harness.Configuration, int)                      {}
func (i *interrupter) End()                                                  {}
func (i *interrupter) Request(results.RequestRow) {
	if i.after--; i.after == 0 {
		i.cancel()
	}
}

func realConfig(t *testing.T) harness.Config {
	t.Helper()
	watchdogtest.RequireCRIU(t)
	require.Program(t, "pypy", "pypy3")
	dir := t.TempDir()
	return harness.Config{
		Functions: []string{"bfs"}, Strategies: []string{"fixed&request_to_checkpoint=1"}, Rates: []int{4},
		Requests: 12, Pause: 10 * time.Millisecond, Settle: 5 * time.Second, Mutability: 1, Seed: 1, CPU: -1,
		Out: filepath.Join(dir, "r.csv"), Work: filepath.Join(dir, "work"),
		Watchdog: watchdogtest.Binary(t), Benchmarks: "..",
	}
}

// TestInterruptedRunGoesOn runs a real function with real snapshots, stops in
// the middle of its second lifetime, and goes on.
func TestInterruptedRunGoesOn(t *testing.T) {
	cfg := realConfig(t)
	ctx, cancel := context.WithCancel(t.Context())
	cfg.Progress = &interrupter{6, cancel}
	begin := time.Now()
	if err := harness.Run(ctx, cfg); !errors.Is(err, harness.ErrInterrupted) {
		t.Fatalf("the first part ended with %v, want an interruption", err)
	}
	t.Logf("start, 6 requests and stop took %s", time.Since(begin).Round(time.Millisecond))
	if n := len(read(t, cfg).Requests); n != 6 {
		t.Fatalf("%d requests recorded after the interruption, want 6", n)
	}
	tear(t, results.SetOf(cfg.Out).Requests) // as a kill in the middle of a line

	cfg.Progress = nil
	if err := harness.Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	data := read(t, cfg)
	checkRequests(t, data)
	checkLifetimes(t, data.Lifetimes)
	checkLineages(t, data)
	if entries, _ := filepath.Glob(filepath.Join(cfg.Work, "state", "*")); len(entries) > 0 {
		t.Errorf("state of a finished configuration is left: %v", entries)
	}
}

// TestFunctionsReachTheirServicesAfterARestore runs a function that fetches
// from one server and puts into another, in lifetimes of two requests.
func TestFunctionsReachTheirServicesAfterARestore(t *testing.T) {
	cfg := realConfig(t)
	require.Program(t, "minio", "minio")
	require.Component(t, "libraries", exec.Command("pypy3", "-c", "import boto3").Run() == nil, "boto3 is not installed")
	cfg.Functions, cfg.Rates, cfg.Requests = []string{"upload"}, []int{2}, 4
	if err := harness.Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	data := read(t, cfg)
	for _, r := range data.Requests {
		if r.Failed() || r.Tries != 1 || (r.InputSize != 230_000 && r.InputSize != 2_400_000) {
			t.Errorf("%+v: want an answer at the first try about one of the two files", r)
		}
	}
	if n := len(data.Lifetimes); n != 2 || data.Lifetimes[1].Start != agent.Restored {
		t.Errorf("lifetimes %+v, want the second of two to be restored", data.Lifetimes)
	}
	if _, err := os.Stat(filepath.Join(cfg.Work, "services")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("data of the services is left: %v", err)
	}
}

// TestWatchdogThatEndsEndsTheRun wants an error that says why and where to look.
func TestWatchdogThatEndsEndsTheRun(t *testing.T) {
	require.Root(t)
	require.Program(t, "pypy", "pypy3")
	dir := t.TempDir()
	watchdog := filepath.Join(dir, "fwatchdog")
	if err := os.WriteFile(watchdog, []byte("#!/bin/sh\necho out of luck >&2\nexit 3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	err := harness.Run(t.Context(), harness.Config{
		Functions: []string{"bfs"}, Strategies: []string{"cold"}, Rates: []int{4}, Requests: 1, Mutability: 1, CPU: -1,
		Out: filepath.Join(dir, "r.csv"), Work: filepath.Join(dir, "work"), Watchdog: watchdog, Benchmarks: "..",
	})
	log := filepath.Join(dir, "work", "logs", "bfs-rate4-cold.log")
	for _, want := range []string{"bfs, rate 4, cold", "exit status 3", log, "out of luck"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func read(t *testing.T, cfg harness.Config) results.Data {
	t.Helper()
	data, err := results.SetOf(cfg.Out).Read()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func tear(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("bfs,fixed&request_to_ch"); err != nil {
		t.Fatal(err)
	}
}

// checkRequests wants each of the 12 requests once in both files, answered.
func checkRequests(t *testing.T, data results.Data) {
	t.Helper()
	if len(data.Rows) != 12 || len(data.Requests) != 12 {
		t.Fatalf("%d rows and %d requests, want 12 and 12", len(data.Rows), len(data.Requests))
	}
	for i, r := range data.Requests {
		row := data.Rows[i]
		if r.RequestNumber != i || row.RequestNumber != i || r.Failed() || r.Tries != 1 {
			t.Errorf("line %d: %+v, %+v: want request %d, answered at the first try", i, r, row, i)
		}
		if row.ClientUS != r.ClientUS-r.WaitUS || row.ClientUS < row.ServerUS || row.ServerUS == 0 || r.InputSize == 0 {
			t.Errorf("request %d: times do not fit: %+v, %+v", i, r, row)
		}
	}
}

// checkLifetimes wants 4 + 2, the interruption, 4 + 2.
func checkLifetimes(t *testing.T, lifetimes []results.LifetimeRow) {
	t.Helper()
	var served []int
	restored := 0
	for _, l := range lifetimes {
		served = append(served, l.Requests)
		if l.Start == agent.Restored {
			restored++
		}
	}
	if len(lifetimes) != 4 || restored != 3 {
		t.Fatalf("%d lifetimes, %d of them restored, want 4 and 3; they served %v", len(lifetimes), restored, served)
	}
	if got := [4]int(served); got != [4]int{4, 2, 4, 2} {
		t.Errorf("the lifetimes served %v requests, want 4, 2, 4, 2", got)
	}
}

// checkLineages wants the requests of a lifetime to be numbered on from where
// its snapshot was taken: the first at 1, the others at 2.
func checkLineages(t *testing.T, data results.Data) {
	t.Helper()
	next := map[string]int{}
	for _, l := range data.Lifetimes {
		next[l.Lifetime] = l.RequestNumber + 1
	}
	for _, r := range data.Requests {
		if r.LineageRequestNumber != next[r.Lifetime] {
			t.Errorf("request %d is number %d of its lineage, want %d", r.RequestNumber, r.LineageRequestNumber, next[r.Lifetime])
		}
		next[r.Lifetime]++
	}
}
