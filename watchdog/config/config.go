// Package config reads the watchdog's settings from the environment: those of
// upstream's watchdog with its parsing rules, and ours, whose names start with
// "snapshot_", which are strict: a value that makes no sense is an error.
package config

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// The modes.
const (
	// ModeHTTP starts the function once; it is an HTTP server.
	ModeHTTP = "http"
	// ModeStreaming starts the function for each request and passes its output
	// on as it comes.
	ModeStreaming = "streaming"
	// ModeSerializing starts the function for each request and answers when it
	// has ended.
	ModeSerializing = "serializing"
	// ModeStatic serves files.
	ModeStatic = "static"
	// ModeInProcess calls a Go handler in this process; only programs that use
	// the package watchdog have it.
	ModeInProcess = "inproc"
)

// Config is everything that the watchdog can be told.
type Config struct {
	// Process is the function's program and its arguments.
	Process []string
	// Mode is one of the constants above.
	Mode string
	// UpstreamURL is where the function listens in the http mode.
	UpstreamURL *url.URL
	// Port is the TCP port that is listened on, MetricsPort that of /metrics.
	Port, MetricsPort int

	// ReadTimeout bounds reading a request, WriteTimeout answering it and the
	// draining at the end, ExecTimeout the function's work on it (0 = none),
	// HealthInterval is how long the watchdog serves on after SIGTERM.
	ReadTimeout, WriteTimeout, ExecTimeout, HealthInterval time.Duration

	// MaxInflight is the number of requests served at once; 0 = any.
	MaxInflight int
	// ReadyPath is the function's path that /_/ready asks; "" = none.
	ReadyPath string
	// BufferBody reads a request's body before the function gets it.
	BufferBody bool
	// ContentType of answers in the forking modes.
	ContentType string
	// StaticPath is the directory that the static mode serves.
	StaticPath string

	// PrefixLogs puts time and stream in front of the function's lines.
	PrefixLogs bool
	// LogCallID appends the call id to request lines.
	LogCallID bool
	// SuppressLock is set when no lock file is to be written; the function may
	// then write it when it is ready.
	SuppressLock bool
	// LockFile is the path of the lock file.
	LockFile string

	// Auth are the settings of JWT authentication.
	Auth Auth
	// Environment is what the function is started with.
	Environment []string

	Snapshot Snapshot
}

// Auth are the settings of JWT authentication.
type Auth struct {
	// Enabled asks for a token with every request.
	Enabled bool
	// Debug logs why a token was refused.
	Debug bool
	// Local takes the issuer on this host instead of the cluster's.
	Local bool
}

// Load reads the settings from an environment in the form of os.Environ.
func Load(environ []string) (Config, error) {
	env := newEnvironment(environ)
	c := Config{
		Process:      command(env.first("function_process", "fprocess")),
		Mode:         env.or("mode", ModeStreaming),
		Port:         env.integer("port", 8080),
		MetricsPort:  8081,
		ReadTimeout:  env.duration("read_timeout", 30*time.Second),
		WriteTimeout: env.duration("write_timeout", 30*time.Second),
		ExecTimeout:  env.duration("exec_timeout", 30*time.Second),
		MaxInflight:  env.integer("max_inflight", 0),
		ReadyPath:    env.get("ready_path"),
		BufferBody:   env.boolean("http_buffer_req_body") || env.boolean("buffer_http"),
		ContentType:  env.or("content_type", "application/octet-stream"),
		StaticPath:   env.or("static_path", "/home/app/public"),
		PrefixLogs:   env.prefixLogs(),
		LogCallID:    env.parseBool("log_callid", false) || env.parseBool("log_call_id", false),
		SuppressLock: env.boolean("suppress_lock"),
		LockFile:     tempDir(env) + "/.lock",
		Auth:         Auth{Enabled: env.boolean("jwt_auth"), Debug: env.boolean("jwt_auth_debug"), Local: env.boolean("jwt_auth_local")},
		Environment:  environ,
	}
	c.HealthInterval = env.duration("healthcheck_interval", c.WriteTimeout)
	if err := errors.Join(c.checkMode(env), c.checkCommon(env)); err != nil {
		return Config{}, err
	}
	var err error
	c.Snapshot, err = loadSnapshot(env, c.Mode)
	return c, err
}

// command splits a command line on each space, as upstream does: there is no
// quoting, and two spaces make an empty argument.
func command(line string) []string {
	if line = strings.TrimSpace(line); line == "" {
		return nil
	}
	return strings.Split(line, " ")
}

func (c *Config) checkMode(env environment) error {
	switch c.Mode {
	case ModeStatic, ModeInProcess:
		return nil
	case ModeStreaming, ModeSerializing:
		return c.checkProcess()
	case ModeHTTP:
		return errors.Join(c.checkProcess(), c.setUpstream(env.first("http_upstream_url", "upstream_url")))
	}
	return fmt.Errorf("mode %q: want http, streaming, serializing or static", c.Mode)
}

func (c *Config) checkProcess() error {
	if len(c.Process) == 0 {
		return errors.New("fprocess or function_process is not set: give the command that starts the function")
	}
	return nil
}

func (c *Config) setUpstream(raw string) error {
	if raw == "" {
		return errors.New("upstream_url or http_upstream_url is not set: give the URL on which the function listens, such as http://127.0.0.1:5000")
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return fmt.Errorf("upstream_url %q: want http://HOST:PORT", raw)
	}
	c.UpstreamURL = u
	return nil
}

func (c *Config) checkCommon(env environment) error {
	if c.WriteTimeout <= 0 {
		return fmt.Errorf("write_timeout %q: want more than 0", env.get("write_timeout"))
	}
	if v := env.get("log_buffer_size"); v != "" {
		// Lines of any length are passed on, so the size itself does not matter.
		if _, err := strconv.Atoi(v); err != nil {
			return fmt.Errorf("log_buffer_size %q: want a number of bytes", v)
		}
	}
	return nil
}

func tempDir(env environment) string {
	return strings.TrimRight(env.or("TMPDIR", "/tmp"), "/")
}

// stagingDir is on tmpfs where there is one: images are written and read once.
// DefaultStagingDir is where images are staged when snapshot_dir says nothing.
func DefaultStagingDir() string { return stagingDir(newEnvironment(os.Environ())) }

func stagingDir(env environment) string {
	if dir := env.get("snapshot_dir"); dir != "" {
		return dir
	}
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm/pronghorn"
	}
	return tempDir(env) + "/pronghorn"
}
