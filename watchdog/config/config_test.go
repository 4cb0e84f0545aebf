package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// minimal is what the http mode needs.
var minimal = []string{"mode=http", "fprocess=pypy3 index.py", "upstream_url=http://127.0.0.1:5000"}

func load(t *testing.T, env ...string) Config {
	t.Helper()
	c, err := Load(append(append([]string{}, minimal...), env...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestUpstreamsParsingRules(t *testing.T) {
	for claim, tc := range map[string]struct {
		env  []string
		got  func(Config) any
		want any
	}{
		"a number is seconds":                    {[]string{"exec_timeout=7"}, func(c Config) any { return c.ExecTimeout }, 7 * time.Second},
		"a duration is itself":                   {[]string{"exec_timeout=1m30s"}, func(c Config) any { return c.ExecTimeout }, 90 * time.Second},
		"nonsense is the default":                {[]string{"exec_timeout=soon"}, func(c Config) any { return c.ExecTimeout }, 30 * time.Second},
		"a negative number is the default":       {[]string{"exec_timeout=-3"}, func(c Config) any { return c.ExecTimeout }, 30 * time.Second},
		"a port that is no number is 0":          {[]string{"port=abc"}, func(c Config) any { return c.Port }, 0},
		"the port is 8080":                       {nil, func(c Config) any { return c.Port }, 8080},
		"the health interval is write_timeout's": {[]string{"write_timeout=5s"}, func(c Config) any { return c.HealthInterval }, 5 * time.Second},
		"function_process wins":                  {[]string{"function_process=node a.js"}, func(c Config) any { return c.Process }, []string{"node", "a.js"}},
		"each space splits, quotes do not":       {[]string{"function_process= a  'b c' "}, func(c Config) any { return c.Process }, []string{"a", "", "'b", "c'"}},
		"http_upstream_url wins":                 {[]string{"http_upstream_url=http://h:1/x"}, func(c Config) any { return c.UpstreamURL.String() }, "http://h:1/x"},
		"prefix_logs is on":                      {nil, func(c Config) any { return c.PrefixLogs }, true},
		"prefix_logs=false is off":               {[]string{"prefix_logs=false"}, func(c Config) any { return c.PrefixLogs }, false},
		"the lock lies in TMPDIR":                {[]string{"TMPDIR=/x/"}, func(c Config) any { return c.LockFile }, "/x/.lock"},
		"no agent, no snapshots":                 {[]string{"snapshot_pid=nonsense"}, func(c Config) any { return c.Snapshot }, Snapshot{}},
	} {
		t.Run(claim, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, tc.got(load(t, tc.env...))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSnapshotSettings(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(" secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	defaults := Snapshot{AgentURL: "http://agent:8090", Function: "fn", Dir: "/dir", MaxPause: 500 * time.Millisecond, CacheBytes: 1 << 30, MaxMemory: 512 << 20, Lazy: true, LazyMin: 32 << 20}
	with := func(change func(*Snapshot)) Snapshot {
		s := defaults
		change(&s)
		return s
	}
	for claim, tc := range map[string]struct {
		env  []string
		want Snapshot
	}{
		"defaults":                   {nil, defaults},
		"the artifact's form":        {[]string{"ENV=request_centric&max_capacity=12,true,4"}, with(func(s *Snapshot) { s.Strategy, s.Evict, s.Eviction = "request_centric&max_capacity=12", true, 4 })},
		"EVICT=false keeps the E":    {[]string{"ENV=cold,false,20"}, with(func(s *Snapshot) { s.Strategy, s.Eviction = "cold", 20 })},
		"ours win over ENV":          {[]string{"ENV=cold,true,4", "snapshot_strategy=fixed", "snapshot_evict_after=0"}, with(func(s *Snapshot) { s.Strategy = "fixed" })},
		"somebody else's ENV":        {[]string{"ENV=production"}, defaults},
		"token, without the spaces":  {[]string{"snapshot_token_file=" + token}, with(func(s *Snapshot) { s.Token = "secret" })},
		"numbers":                    {[]string{"snapshot_pid=30000", "snapshot_max_pause=1s", "snapshot_headers=true"}, with(func(s *Snapshot) { s.PID, s.MaxPause, s.Headers = 30000, time.Second, true })},
		"cache and key":              {[]string{"snapshot_cache_dir=/cache", "snapshot_cache_size=2Gi", "snapshot_key_file=/key"}, with(func(s *Snapshot) { s.CacheDir, s.CacheBytes, s.KeyFile = "/cache", 2<<30, "/key" })},
		"memory":                     {[]string{"snapshot_max_memory=100MB"}, with(func(s *Snapshot) { s.MaxMemory = 100_000_000 })},
		"lazy restore of small ones": {[]string{"snapshot_lazy_min=1Mi"}, with(func(s *Snapshot) { s.LazyMin = 1 << 20 })},
		"no lazy restore":            {[]string{"snapshot_lazy_restore=false"}, with(func(s *Snapshot) { s.Lazy = false })},
		"hooks":                      {[]string{"snapshot_hook_before_checkpoint=/b", "snapshot_hook_after_restore=/a"}, with(func(s *Snapshot) { s.HookBefore, s.HookAfter = "/b", "/a" })},
		"OPENFAAS_NAME names it":     {[]string{"OPENFAAS_NAME=other", "snapshot_function="}, with(func(s *Snapshot) { s.Function = "other" })},
	} {
		t.Run(claim, func(t *testing.T) {
			env := append([]string{"snapshot_agent_url=http://agent:8090", "snapshot_function=fn", "snapshot_dir=/dir"}, tc.env...)
			if diff := cmp.Diff(tc.want, load(t, env...).Snapshot); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestHostNameWithoutItsReplica(t *testing.T) {
	for host, want := range map[string]string{
		"bfs-6d5f8b7c9-x2x7z":         "bfs",
		"simple-hash-5c9d7f6b8-abcde": "simple-hash",
		"simple-hash":                 "simple-hash",
		"laptop":                      "laptop",
	} {
		if got := withoutReplica(host); got != want {
			t.Errorf("%s: got %s, want %s", host, got, want)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("ENV", "cold,true,4")
	f.Add("exec_timeout", "-1")
	f.Add("upstream_url", "http://[::1]:80/%zz")
	f.Fuzz(func(t *testing.T, name, value string) {
		c, err := Load(append([]string{name + "=" + value, "snapshot_agent_url=http://a", "snapshot_function=f"}, minimal...))
		if err != nil {
			if strings.TrimSpace(err.Error()) == "" {
				t.Error("an error without words")
			}
			return
		}
		if len(c.Process) == 0 || c.UpstreamURL == nil || c.Snapshot.PID != 0 && c.Snapshot.PID < minPID || c.Snapshot.MaxPause <= 0 || c.Snapshot.Eviction < 0 {
			t.Errorf("%s=%q gives %+v", name, value, c)
		}
	})
}
