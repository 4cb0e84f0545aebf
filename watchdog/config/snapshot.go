package config

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// defaultTokenFile is where OpenFaaS mounts the secret "pronghorn-token".
const defaultTokenFile = "/var/openfaas/secrets/pronghorn-token"

// defaultKeyFile is where OpenFaaS mounts the secret "pronghorn-key".
const defaultKeyFile = "/var/openfaas/secrets/pronghorn-key"

// Defaults and limits of snapshot settings. Process ids must leave room below
// for the watchdog and CRIU, and above for the function's threads within the
// smallest pid_max that Linux has by default (32768).
const (
	minPID, maxPID  = 2000, 32000
	defaultMaxPause = 500 * time.Millisecond

	defaultCacheBytes = 1 << 30
	defaultMaxMemory  = 512 << 20
	defaultLazyMin    = 32 << 20
)

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
	// CacheDir is a directory of this node for what containers of the function
	// have fetched from the pool; "" = none. CacheBytes bounds it.
	CacheDir   string
	CacheBytes int64
	// MaxMemory bounds what a checkpoint may hold in memory, in bytes; above it
	// the image goes to Dir.
	MaxMemory int64
	// KeyFile has the keys with which snapshots are encrypted; "" = they are not.
	KeyFile string
	// PID is the process id of a cold-started function; 0 = the one that suits
	// the way in which ids are chosen.
	PID int
	// MaxPause bounds the time in which requests are held for a checkpoint.
	MaxPause time.Duration
	// Lazy lets a restored process have its memory from the watchdog instead of CRIU,
	// where the kernel and the container's rights allow it, and run before it has all
	// of it, where at least LazyMin bytes can wait.
	Lazy    bool
	LazyMin int64
	// CRIU is the path of the CRIU program; "" = where it is usually.
	CRIU string
	// HookBefore and HookAfter are paths of the function that are called before
	// a checkpoint and after a restore; "" = none.
	HookBefore, HookAfter string
	// Headers adds X-Pronghorn-… headers to answers, for measurements.
	Headers bool
	// Faults is for tests: it is called with the name of every step of a
	// checkpoint and of a start, once the step is done, and may end the program
	// there. No variable sets it; nil in production.
	Faults func(step string)
}

// Enabled reports whether snapshots were asked for.
func (s Snapshot) Enabled() bool { return s.AgentURL != "" }

func loadSnapshot(env environment, mode string) (Snapshot, error) {
	s := Snapshot{
		AgentURL:   env.get("snapshot_agent_url"),
		KVURL:      env.get("snapshot_kv_url"),
		Strategy:   env.get("snapshot_strategy"),
		Function:   env.first("snapshot_function", "OPENFAAS_NAME", "FUNCTION"),
		Dir:        stagingDir(env),
		CacheDir:   env.get("snapshot_cache_dir"),
		CacheBytes: defaultCacheBytes,
		MaxMemory:  defaultMaxMemory,
		KeyFile:    keyFile(env),
		CRIU:       env.first("snapshot_criu", "PRONGHORN_CRIU"),
		MaxPause:   defaultMaxPause,
		Lazy:       true,
		LazyMin:    defaultLazyMin,
	}
	if !s.Enabled() {
		return Snapshot{}, nil
	}
	if mode != ModeHTTP {
		return s, fmt.Errorf("snapshot_agent_url is set, but mode is %s: only a function in the http mode lives long enough for a snapshot", mode)
	}
	if s.Function == "" {
		s.Function = hostFunction()
	}
	return s, errors.Join(
		s.applyArtifactForm(env.get("ENV")),
		s.applyEviction(env),
		s.applyNumbers(env),
		applySize(env, "snapshot_cache_size", &s.CacheBytes),
		applySize(env, "snapshot_max_memory", &s.MaxMemory),
		applySize(env, "snapshot_lazy_min", &s.LazyMin),
		s.applyHooks(env),
		s.applyToken(env),
		checkURL("snapshot_agent_url", s.AgentURL),
		checkURL("snapshot_kv_url", s.KVURL),
		kvstore.CheckName("snapshot_function", s.Function),
	)
}

// applyArtifactForm reads ENV=STRATEGY,EVICT,RATE. Other programs use the
// variable too, so a value of another shape is left alone; our own variables
// win over it.
func (s *Snapshot) applyArtifactForm(v string) error {
	parts := strings.Split(v, ",")
	if len(parts) != 3 {
		return nil
	}
	evict, err := strconv.ParseBool(strings.ToLower(parts[1]))
	if err != nil {
		return fmt.Errorf("ENV %q: EVICT is %q: want STRATEGY,EVICT,RATE with EVICT true or false", v, parts[1])
	}
	rate, err := strconv.Atoi(parts[2])
	if err != nil || rate < 1 {
		return fmt.Errorf("ENV %q: RATE is %q: want STRATEGY,EVICT,RATE with RATE 1 or more", v, parts[2])
	}
	if s.Strategy == "" {
		s.Strategy = parts[0]
	}
	s.Evict, s.Eviction = evict, rate
	return nil
}

func (s *Snapshot) applyEviction(env environment) error {
	v := env.get("snapshot_evict_after")
	if v == "" {
		return nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		return fmt.Errorf("snapshot_evict_after %q: want a number of requests, 0 = never", v)
	}
	s.Evict, s.Eviction = n > 0, n
	return nil
}

func (s *Snapshot) applyNumbers(env environment) error {
	if v := env.get("snapshot_pid"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < minPID || n > maxPID {
			return fmt.Errorf("snapshot_pid %q: want a process id from %d to %d", v, minPID, maxPID)
		}
		s.PID = n
	}
	if v := env.get("snapshot_max_pause"); v != "" {
		d, err := time.ParseDuration(v)
		if err != nil || d <= 0 {
			return fmt.Errorf("snapshot_max_pause %q: want a duration above 0, such as 500ms", v)
		}
		s.MaxPause = d
	}
	return errors.Join(
		applySwitch(env, "snapshot_headers", &s.Headers),
		applySwitch(env, "snapshot_lazy_restore", &s.Lazy),
	)
}

func applySwitch(env environment, name string, on *bool) error {
	v := env.get(name)
	if v == "" {
		return nil
	}
	var err error
	if *on, err = strconv.ParseBool(v); err != nil {
		return fmt.Errorf("%s %q: want true or false", name, v)
	}
	return nil
}

// applySize reads a size such as 512Mi, 1GB or 1000000.
func applySize(env environment, name string, size *int64) error {
	v := env.get(name)
	if v == "" {
		return nil
	}
	n, err := humanize.ParseBytes(v)
	if err != nil || n == 0 || n > math.MaxInt64 {
		return fmt.Errorf("%s %q: want a size above 0, such as 512Mi or 1GB", name, v)
	}
	*size = int64(n)
	return nil
}

// keyFile is the file with the function's keys. One that was asked for and is
// missing is not passed over: snapshots would be stored in the clear.
func keyFile(env environment) string {
	if path := env.get("snapshot_key_file"); path != "" {
		return path
	}
	if _, err := os.Stat(defaultKeyFile); err != nil {
		return ""
	}
	return defaultKeyFile
}

func (s *Snapshot) applyHooks(env environment) error {
	s.HookBefore = env.get("snapshot_hook_before_checkpoint")
	s.HookAfter = env.get("snapshot_hook_after_restore")
	for name, path := range map[string]string{
		"snapshot_hook_before_checkpoint": s.HookBefore,
		"snapshot_hook_after_restore":     s.HookAfter,
	} {
		if path != "" && !strings.HasPrefix(path, "/") {
			return fmt.Errorf("%s %q: want an HTTP path of the function, starting with /", name, path)
		}
	}
	return nil
}

func (s *Snapshot) applyToken(env environment) error {
	path := env.get("snapshot_token_file")
	if path == "" {
		if _, err := os.Stat(defaultTokenFile); err != nil {
			return nil
		}
		path = defaultTokenFile
	}
	var err error
	s.Token, err = httpx.ReadToken(path)
	if env.get("snapshot_token_file") == "" && errors.Is(err, fs.ErrPermission) {
		return nil // nobody asked for it: the agent will say that a token is missing
	}
	if err != nil {
		return fmt.Errorf("snapshot_token_file: %w", err)
	}
	return nil
}

func checkURL(name, v string) error {
	if v == "" {
		return nil
	}
	u, err := url.Parse(v)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("%s %q: want http://HOST:PORT or https://HOST:PORT", name, v)
	}
	return nil
}

// hostFunction is the host name without the suffix that Kubernetes gives a
// replica: "bfs-6d5f8b7c9-x2x7z" is a pod of the function bfs.
func hostFunction() string {
	host, err := os.Hostname()
	if err != nil {
		return ""
	}
	return withoutReplica(host)
}

func withoutReplica(host string) string {
	return regexp.MustCompile(`-[a-z0-9]{5,10}-[a-z0-9]{5}$`).ReplaceAllString(host, "")
}
