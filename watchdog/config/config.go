// Package config reads the watchdog's settings from the environment: those of
// upstream's watchdog with its parsing rules, and ours, whose names start with
// "snapshot_", which are strict: a value that makes no sense is an error.
package config

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"
)

// Config is everything that the watchdog can be told.
type Config struct {
	// Process is the function's program and its arguments.
	Process []string
	// Mode is the upstream name of the mode; only "http" so far.
	Mode string
	// UpstreamURL is where the function listens.
	UpstreamURL *url.URL
	// Port is the TCP port that is listened on, MetricsPort that of /metrics.
	Port, MetricsPort int

	// ReadTimeout bounds reading a request, WriteTimeout answering it and the
	// draining at the end, ExecTimeout the function's work on it (0 = none),
	// HealthInterval is how long the watchdog serves on after SIGTERM.
	ReadTimeout, WriteTimeout, ExecTimeout, HealthInterval time.Duration

	// MaxInflight is the number of requests served at once; 0 = any.
	MaxInflight int
	// PrefixLogs puts time and stream in front of the function's lines.
	PrefixLogs bool
	// SuppressLock is set when no lock file is to be written.
	SuppressLock bool
	// LockFile is the path of the lock file.
	LockFile string

	// Environment is what the function is started with.
	Environment []string

	Snapshot Snapshot
}

// Snapshot are the settings of snapshots.
type Snapshot struct {
	// AgentURL is the policy agent; "" = no snapshots, just a watchdog.
	AgentURL string
	// KVURL is the KV service; "" = the one that the plan names.
	KVURL string
	// Token for both; "" = none.
	Token string
	// Function is the name of the function.
	Function string
	// Strategy is a strategy spec; "" = the agent's default.
	Strategy string
	// Eviction is E, the requests that a lifetime is expected to serve; 0 = unknown.
	Eviction int
	// Evict ends lifetimes after Eviction requests.
	Evict bool
	// Dir is where images are staged.
	Dir string
	// PID is the process id of a cold-started function.
	PID int
	// MaxPause bounds the time in which requests are held for a checkpoint.
	MaxPause time.Duration
	// CRIU is the path of the CRIU program; "" = where it is usually.
	CRIU string
	// HookBefore and HookAfter are paths of the function that are called before
	// a checkpoint and after a restore; "" = none.
	HookBefore, HookAfter string
	// Headers adds X-Pronghorn-… headers to answers, for measurements.
	Headers bool
}

// Enabled reports whether snapshots were asked for.
func (s Snapshot) Enabled() bool { return s.AgentURL != "" }

// Load reads the settings from an environment in the form of os.Environ.
func Load(environ []string) (Config, error) {
	env := newEnvironment(environ)
	c := Config{
		Process:      strings.Fields(env.first("function_process", "fprocess")),
		Mode:         env.or("mode", "streaming"),
		Port:         env.integer("port", 8080),
		MetricsPort:  8081,
		ReadTimeout:  env.duration("read_timeout", 30*time.Second),
		WriteTimeout: env.duration("write_timeout", 30*time.Second),
		ExecTimeout:  env.duration("exec_timeout", 30*time.Second),
		MaxInflight:  env.integer("max_inflight", 0),
		PrefixLogs:   env.prefixLogs(),
		SuppressLock: env.boolean("suppress_lock"),
		LockFile:     tempDir(env) + "/.lock",
		Environment:  environ,
	}
	c.HealthInterval = env.duration("healthcheck_interval", c.WriteTimeout)
	if err := c.checkHTTP(env); err != nil {
		return Config{}, err
	}
	var err error
	c.Snapshot, err = loadSnapshot(env)
	return c, err
}

func (c *Config) checkHTTP(env environment) error {
	if c.Mode != "http" {
		return fmt.Errorf("mode %q: only http is supported by this version", c.Mode)
	}
	if len(c.Process) == 0 {
		return fmt.Errorf("fprocess or function_process is not set: give the command that starts the function")
	}
	raw := env.first("http_upstream_url", "upstream_url")
	if raw == "" {
		return fmt.Errorf("upstream_url or http_upstream_url is not set: give the URL on which the function listens, such as http://127.0.0.1:5000")
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return fmt.Errorf("upstream_url %q: want http://HOST:PORT", raw)
	}
	c.UpstreamURL = u
	if c.WriteTimeout <= 0 {
		return fmt.Errorf("write_timeout %q: want more than 0", env.get("write_timeout"))
	}
	return nil
}

func tempDir(env environment) string {
	return strings.TrimRight(env.or("TMPDIR", "/tmp"), "/")
}

// stagingDir is on tmpfs where there is one: images are written and read once.
func stagingDir(env environment) string {
	if dir := env.get("snapshot_dir"); dir != "" {
		return dir
	}
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm/pronghorn"
	}
	return tempDir(env) + "/pronghorn"
}
