package backend

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// Buckets in the bucket of a function.
const (
	// seenBucket: lifetime → hour of the last new sample, then a bitmap of the
	// request numbers that were counted.
	seenBucket = "seen"
	// expiryBucket: hour, then lifetime → nothing; seenBucket by age.
	expiryBucket = "expiry"
)

// purgeMost bounds how many old lifetimes one change forgets, and with that
// how long it takes. A change adds at most one, so they never pile up.
const purgeMost = 32

// hour counts hours since 1970: as exact as forgetting has to be, and the
// index by age changes only once an hour for a lifetime that lasts.
type hour uint32

const hourSize = 4

func hourOf(t time.Time) hour { return hour(max(t.Unix(), 0) / 3600) }

// oldest is the first hour that must still be remembered.
func (h hour) oldest() hour {
	const keep = hour(kvstore.SeenFor/time.Hour) + 1 // one more: the last hour was not over
	return max(h, keep) - keep
}

// seenRecord is what is known of one lifetime.
type seenRecord struct {
	last   hour
	bitmap []byte
}

// mark notes a request number and reports whether it is new.
func (r *seenRecord) mark(n int) bool {
	i, bit := (n-1)/8, byte(1)<<((n-1)%8)
	if grow := i + 1 - len(r.bitmap); grow > 0 {
		r.bitmap = append(r.bitmap, make([]byte, grow)...)
	}
	if r.bitmap[i]&bit != 0 {
		return false
	}
	r.bitmap[i] |= bit
	return true
}

// seen reads the record of a lifetime; that of an unknown one is empty.
func (f *function) seen(lifetime string) seenRecord {
	if f.bucket == nil {
		return seenRecord{}
	}
	b := f.bucket.Bucket([]byte(seenBucket))
	if b == nil {
		return seenRecord{}
	}
	raw := b.Get([]byte(lifetime))
	if len(raw) < hourSize {
		return seenRecord{}
	}
	return seenRecord{last: hour(binary.BigEndian.Uint32(raw)), bitmap: bytes.Clone(raw[hourSize:])}
}

// putSeen writes the record of a lifetime and forgets some that are too old.
func (f *function) putSeen(lifetime string, r seenRecord, now hour) error {
	seen, err := f.bucket.CreateBucketIfNotExists([]byte(seenBucket))
	if err != nil {
		return fmt.Errorf("create the lifetimes of function %s: %w", f.name, err)
	}
	expiry, err := f.bucket.CreateBucketIfNotExists([]byte(expiryBucket))
	if err != nil {
		return fmt.Errorf("create the index of lifetimes of function %s: %w", f.name, err)
	}
	raw := append(binary.BigEndian.AppendUint32(nil, uint32(now)), r.bitmap...)
	if err := seen.Put([]byte(lifetime), raw); err != nil {
		return fmt.Errorf("write lifetime %s of function %s: %w", lifetime, f.name, err)
	}
	if err := reindex(expiry, lifetime, r.last, now); err != nil {
		return fmt.Errorf("index lifetime %s of function %s: %w", lifetime, f.name, err)
	}
	if err := purge(seen, expiry, now.oldest()); err != nil {
		return fmt.Errorf("forget old lifetimes of function %s: %w", f.name, err)
	}
	return nil
}

// reindex moves a lifetime from one hour to another; 0 is that of a new one.
func reindex(expiry *bbolt.Bucket, lifetime string, from, to hour) error {
	if from == to {
		return nil
	}
	if err := expiry.Delete(expiryKey(from, lifetime)); err != nil {
		return err
	}
	return expiry.Put(expiryKey(to, lifetime), nil)
}

func expiryKey(h hour, lifetime string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(h)), lifetime...)
}

// purge forgets lifetimes whose last hour is before oldest, purgeMost at most.
func purge(seen, expiry *bbolt.Bucket, oldest hour) error {
	for _, key := range older(expiry, oldest) {
		if err := seen.Delete(key[hourSize:]); err != nil {
			return err
		}
		if err := expiry.Delete(key); err != nil {
			return err
		}
	}
	return nil
}

func older(expiry *bbolt.Bucket, oldest hour) (keys [][]byte) {
	c := expiry.Cursor()
	for k, _ := c.First(); k != nil && len(keys) < purgeMost; k, _ = c.Next() {
		if hour(binary.BigEndian.Uint32(k)) >= oldest {
			break
		}
		keys = append(keys, slices.Clone(k))
	}
	return keys
}
