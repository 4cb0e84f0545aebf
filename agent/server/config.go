package server

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/policy"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// Defaults of a Config.
const (
	DefaultLease  = 2 * time.Minute
	DefaultURLTTL = 15 * time.Minute
)

// Config is what an agent works with. Store, Pool and Rand are required.
type Config struct {
	// Store holds the state of all functions. One pool belongs to one store:
	// objects of which the store knows nothing are swept.
	Store kvstore.Store
	// Pool holds the snapshots' objects. If it is a snapshot.Presigner, workers
	// reach it directly, else the agent serves the objects itself. If it has
	// pool.Connect's Ensure, Run calls that.
	Pool snapshot.Pool
	// Auth is who may call; the zero value lets everybody in.
	Auth httpx.Auth
	// DefaultStrategy is the spec for functions that name none; "" means
	// policy.DefaultSpec.
	DefaultStrategy string
	// KVURL is the KV service that plans name to workers; may be empty.
	KVURL string
	// Rand is the source of every draw; it must be safe for concurrent use, as
	// that of NewRand is.
	Rand policy.Rand
	// Lease is how long the objects of a snapshot stay after it left the pool,
	// since a worker may just be restoring it; at least 3 s.
	Lease time.Duration
	// URLTTL is how long the URL of an object is good.
	URLTTL time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Observer is called once for every lifetime that was reported to have
	// ended, from the goroutine that answers the report; it must be quick and
	// safe for concurrent use. May be nil.
	Observer func(fn string, rec agent.LifetimeRecord)
	// Faults is for tests: it is called at every boundary between two changes of
	// store or pool, with the name of what has just been done; an error ends the
	// work there, as a crash would. nil in production.
	Faults func(step string) error
	// Log gets what nobody is there to be told; nil means slog.Default().
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.DefaultStrategy == "" {
		c.DefaultStrategy = policy.DefaultSpec
	}
	if c.Lease == 0 {
		c.Lease = DefaultLease
	}
	if c.URLTTL == 0 {
		c.URLTTL = DefaultURLTTL
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Observer == nil {
		c.Observer = func(string, agent.LifetimeRecord) {}
	}
	if c.Faults == nil {
		c.Faults = func(string) error { return nil }
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

// check returns the default strategy, or what is wrong.
func (c Config) check() (policy.Strategy, error) {
	if c.Store == nil || c.Pool == nil || c.Rand == nil {
		return nil, errors.New("agent: Store, Pool and Rand are required")
	}
	if err := CheckTimes(c.Lease, c.URLTTL); err != nil {
		return nil, err
	}
	standard, err := policy.Parse(c.DefaultStrategy)
	if err != nil {
		return nil, fmt.Errorf("agent: default strategy: %w", err)
	}
	return standard, nil
}

// CheckTimes says what is wrong with a Lease and a URLTTL.
func CheckTimes(lease, urlTTL time.Duration) error {
	switch {
	case lease < answerWithin: // a registration that is still running could meet the deletion
		return fmt.Errorf("agent: lease %s: want at least %s", lease, answerWithin)
	case urlTTL < time.Second || urlTTL > registerWithin:
		return fmt.Errorf("agent: URL lifetime %s: want %s to %s", urlTTL, time.Second, registerWithin)
	}
	return nil
}
