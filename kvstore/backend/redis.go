package backend

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-redis/redis/v8"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// Bounds of one command, so that a caller hears soon that Redis is gone.
const (
	redisDialTimeout = 2 * time.Second
	redisTimeout     = 2 * time.Second
	redisConnections = 64
)

const functionsKey = "pronghorn:functions"

// Keys of one function and of one document. Names hold no ':'.
func metaKeyOf(fn string) string    { return "pronghorn:fn:" + fn }
func tableKeyOf(fn string) string   { return "pronghorn:fn:" + fn + ":table" }
func poolKeyOf(fn string) string    { return "pronghorn:fn:" + fn + ":pool" }
func pendingKeyOf(fn string) string { return "pronghorn:fn:" + fn + ":pending" }
func documentKeyOf(k string) string { return "pronghorn:doc:" + k }

// redisStore is the store over a Redis server. Every change is one script.
type redisStore struct {
	pooled
	db      *redis.Client
	scripts scripts
}

func openRedis(ctx context.Context, url string) (*redisStore, error) {
	o, err := redis.ParseURL(url)
	if err != nil {
		// The URL holds a password, and so may the parser's error.
		return nil, fmt.Errorf("%w: store with scheme \"redis\" cannot be read: want %s", kvstore.ErrInvalid, Forms)
	}
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout = redisDialTimeout, redisTimeout, redisTimeout
	o.PoolSize = redisConnections
	o.MaxRetries = -1 // a compare-and-set that is sent twice would report that it lost
	s := &redisStore{db: redis.NewClient(o), scripts: newScripts()}
	s.pooled = pooled{s.changePool}
	if err := s.db.Ping(ctx).Err(); err != nil {
		return nil, errors.Join(fmt.Errorf("open store redis://%s: is the server up, and are user and password right? %w",
			o.Addr, redisError("ping", err)), s.db.Close())
	}
	return s, nil
}

func (s *redisStore) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// redisError names what was tried, and tells a server that cannot be used for
// now from one that refuses the command.
func redisError(what string, err error) error {
	if err == nil {
		return nil
	}
	var refused redis.Error
	if errors.As(err, &refused) && !temporary(err) {
		return fmt.Errorf("%s: redis: %w", what, err)
	}
	return fmt.Errorf("%s: %w: redis: %w", what, kvstore.ErrUnavailable, err)
}

// temporary reports the answers of a server that is loading, busy with a
// script, or without its primary.
func temporary(err error) bool {
	word, _, _ := strings.Cut(err.Error(), " ")
	return slices.Contains([]string{"LOADING", "BUSY", "MASTERDOWN", "READONLY", "TRYAGAIN"}, word)
}

func (s *redisStore) Functions(ctx context.Context) ([]string, error) {
	names, err := s.db.SMembers(ctx, functionsKey).Result()
	if err != nil {
		return nil, redisError("list functions", err)
	}
	slices.Sort(names)
	return names, nil
}

// DeleteFunction leaves what its lifetimes have reported to expire: the next
// function of the name has another incarnation and never looks there.
func (s *redisStore) DeleteFunction(ctx context.Context, fn string) error {
	_, err := s.db.TxPipelined(ctx, func(tx redis.Pipeliner) error {
		tx.SRem(ctx, functionsKey, fn)
		tx.Del(ctx, metaKeyOf(fn), tableKeyOf(fn), poolKeyOf(fn), pendingKeyOf(fn))
		return nil
	})
	return redisError("delete function "+fn, err)
}
