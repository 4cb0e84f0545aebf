package harness

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// complete is a configuration with which nothing is wrong.
func complete(t *testing.T) Config {
	t.Helper()
	dir := t.TempDir()
	watchdog := filepath.Join(dir, "fwatchdog")
	if err := os.WriteFile(watchdog, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	return Config{
		Functions: []string{"bfs"}, Strategies: []string{"cold"}, Rates: []int{1}, Requests: 1, Mutability: 1,
		Out: filepath.Join(dir, "data", "r.csv"), Work: filepath.Join(dir, "work"), Watchdog: watchdog, Benchmarks: "..",
	}
}

func TestConfigurationsAreChecked(t *testing.T) {
	tests := map[string]struct {
		change func(*Config)
		want   string // "" = nothing is wrong
	}{
		"a good one":                     {func(*Config) {}, ""},
		"a pool on loopback":             {func(c *Config) { c.Pool = "s3://k:s@127.0.0.1:9000/checkpoints?insecure=true" }, ""},
		"no function":                    {func(c *Config) { c.Functions = nil }, "functions: none given"},
		"a function twice":               {func(c *Config) { c.Functions = []string{"bfs", "bfs"} }, "bfs is given twice"},
		"an unknown strategy":            {func(c *Config) { c.Strategies = []string{"lukewarm"} }, `unknown name "lukewarm"`},
		"a rate of 0":                    {func(c *Config) { c.Rates = []int{4, 0} }, "rate 0"},
		"no requests":                    {func(c *Config) { c.Requests = 0 }, "requests 0"},
		"a negative pause":               {func(c *Config) { c.Pause = -time.Second }, "pause -1s"},
		"a negative settling":            {func(c *Config) { c.Settle = -time.Second }, "settle -1s"},
		"a mutability that is no number": {func(c *Config) { c.Mutability = math.NaN() }, "mutability NaN"},
		"a pool of another kind":         {func(c *Config) { c.Pool = "dir:/tmp/x" }, "pool: want s3://"},
		"a pool that no worker reaches":  {func(c *Config) { c.Pool = "s3://10.0.0.1:9000/b" }, `"10.0.0.1"`},
		"results that are no CSV":        {func(c *Config) { c.Out = "results.txt" }, `out "results.txt"`},
		"no watchdog":                    {func(c *Config) { c.Watchdog = "/no/such/fwatchdog" }, `watchdog "/no/such/fwatchdog"`},
		"no benchmarks":                  {func(c *Config) { c.Benchmarks = "/no/such" }, `"/no/such"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := complete(t)
			tt.change(&c)
			err := c.Check()
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestPoolErrorsShowNoSecret(t *testing.T) {
	c := complete(t)
	for _, pool := range []string{"s3://key:hunter2@10.0.0.1:9000/b", "s4://key:hunter2@h/b", "s3://key:hunter2/%zz"} {
		c.Pool = pool
		if err := c.Check(); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", pool, err)
		}
	}
}

func TestRunIsContinuedAsItWasBegunOnly(t *testing.T) {
	c := complete(t)
	if err := c.claim(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.claim(t.Context()); err != nil {
		t.Errorf("the same parameters are refused: %v", err)
	}
	c.Requests = 7
	err := c.claim(t.Context())
	if !errors.Is(err, ErrParameters) || !strings.Contains(err.Error(), "requests: 1, now 7") || !strings.Contains(err.Error(), "--fresh") {
		t.Errorf("error %v, want one that names the change and the way out", err)
	}
	if err := removeResults(c); err != nil {
		t.Fatal(err)
	}
	if err := c.claim(t.Context()); err != nil {
		t.Errorf("refused after starting over: %v", err)
	}
}

func TestForeignResultsAreNotOverwritten(t *testing.T) {
	c := complete(t)
	if err := os.MkdirAll(filepath.Dir(c.Out), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.Out, []byte("0,bfs,1,cold,4,1,1,0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := c.claim(t.Context()); !errors.Is(err, ErrParameters) {
		t.Errorf("error %v, want %v", err, ErrParameters)
	}
}

func TestOnlyOneRunAtATime(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock(dir); err == nil {
		t.Error("a second run got the lock")
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	again, err := lock(dir)
	if err != nil {
		t.Fatalf("the lock is not free after the first run: %v", err)
	}
	_ = again()
}
