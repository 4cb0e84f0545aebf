package kvstore

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// ValidName reports whether s may name a function, a lifetime or a snapshot:
// 1 to 128 letters, digits, '.', '_' or '-', and not starting with a '.' (such
// names are safe in paths, keys and URLs).
func ValidName(s string) bool {
	if s == "" || len(s) > MaxNameLength || s[0] == '.' {
		return false
	}
	for _, c := range []byte(s) {
		if !nameByte(c) {
			return false
		}
	}
	return true
}

func nameByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return c == '.' || c == '_' || c == '-'
}

// CheckName is ValidName as an error; what says what the name is of.
func CheckName(what, s string) error {
	if ValidName(s) {
		return nil
	}
	return fmt.Errorf("%w: %s %q: want 1 to %d letters, digits, '.', '_', '-', not starting with '.'",
		ErrInvalid, what, s, MaxNameLength)
}

// Check reports the first value that is out of range.
func (p Params) Check() error {
	if p.MaxRequests < 2 || p.MaxRequests > MaxRequestsLimit {
		return fmt.Errorf("%w: max_requests %d: want 2 to %d", ErrInvalid, p.MaxRequests, MaxRequestsLimit)
	}
	if !(p.Epsilon > 0 && p.Epsilon <= 1) {
		return fmt.Errorf("%w: epsilon %v: want a number in (0, 1]", ErrInvalid, p.Epsilon)
	}
	return nil
}

// Check reports the first value of the batch that is out of range.
func (b Batch) Check() error {
	if err := CheckName("lifetime", b.Lifetime); err != nil {
		return err
	}
	if len(b.Samples) > MaxBatch {
		return fmt.Errorf("%w: %d samples in a batch: want at most %d", ErrInvalid, len(b.Samples), MaxBatch)
	}
	for i, s := range b.Samples {
		if err := s.check(); err != nil {
			return fmt.Errorf("sample %d: %w", i, err)
		}
	}
	return nil
}

func (s Sample) check() error {
	if s.RequestNumber < 1 || s.RequestNumber > math.MaxInt32 {
		return fmt.Errorf("%w: request number %d: want 1 or more", ErrInvalid, s.RequestNumber)
	}
	if !(s.LatencyUS > 0) || math.IsInf(s.LatencyUS, 0) {
		return fmt.Errorf("%w: latency %v µs: want a finite number above 0", ErrInvalid, s.LatencyUS)
	}
	return nil
}

// Check reports the first value of the entry that is out of range.
func (e Entry) Check() error {
	if err := CheckName("snapshot id", e.ID); err != nil {
		return err
	}
	if e.RequestNumber < 0 || e.RequestNumber > math.MaxInt32 {
		return fmt.Errorf("%w: request_number %d of snapshot %s: want 0 or more", ErrInvalid, e.RequestNumber, e.ID)
	}
	if min(e.Bytes, e.StoredBytes, e.SharedBytes) < 0 {
		return fmt.Errorf("%w: bytes %d, stored_bytes %d, shared_bytes %d of snapshot %s: want 0 or more",
			ErrInvalid, e.Bytes, e.StoredBytes, e.SharedBytes, e.ID)
	}
	if err := e.checkNames(); err != nil {
		return fmt.Errorf("snapshot %s: %w", e.ID, err)
	}
	if err := checkYear("deleted", e.Deleted); err != nil {
		return err
	}
	return checkYear("created", e.Created)
}

func (e Entry) checkNames() error {
	if e.Parent != "" && !ValidName(e.Parent) {
		return CheckName("parent", e.Parent)
	}
	if e.Manifest != "" && !ValidName(e.Manifest) {
		return CheckName("manifest", e.Manifest)
	}
	if err := CheckNames("key id", e.KeyIDs); err != nil {
		return err
	}
	if len(e.Packs) > 0 && !slices.Contains(e.Packs, e.ID) {
		return fmt.Errorf("%w: packs %q: want its own among them", ErrInvalid, e.Packs)
	}
	return CheckNames("pack", e.Packs)
}

// CheckNames reports the first of at most MaxPacks names that is not one.
func CheckNames(what string, names []string) error {
	if len(names) > MaxPacks {
		return fmt.Errorf("%w: %d names of a %s: want at most %d", ErrInvalid, len(names), what, MaxPacks)
	}
	for _, name := range names {
		if err := CheckName(what, name); err != nil {
			return err
		}
	}
	return nil
}

// Check reports the first value of the reservation that is out of range.
func (p Pending) Check() error {
	if err := CheckName("snapshot id", p.ID); err != nil {
		return err
	}
	if err := CheckNames("pack", p.Packs); err != nil {
		return err
	}
	return CheckTime("end of the reservation", p.Until)
}

// CheckDeleted reports whether a tombstone can carry the time.
func CheckDeleted(at time.Time) error { return CheckTime("time of deletion", at) }

// CheckTime reports whether at is a time that can be kept; what says of what.
func CheckTime(what string, at time.Time) error {
	if at.IsZero() {
		return fmt.Errorf("%w: %s is missing: want a time", ErrInvalid, what)
	}
	return checkYear(what, at)
}

// checkYear refuses the times that JSON cannot hold.
func checkYear(what string, at time.Time) error {
	if y := at.UTC().Year(); y < 0 || y > 9999 {
		return fmt.Errorf("%w: %s in the year %d: want 0 to 9999", ErrInvalid, what, y)
	}
	return nil
}
