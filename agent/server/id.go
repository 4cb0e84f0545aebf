package server

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
)

const (
	idRandom = 12 // bytes, hex in front
	idTime   = 8  // hex digits behind: when it was issued, in Unix seconds
	idLength = 2*idRandom + idTime
)

// registerWithin is how long after its upload was asked for a snapshot may be
// registered, sweepAfter the age from which objects that are not registered
// are removed. Between the two nothing happens to them, so that no
// registration meets a sweep, whichever agents do it.
const (
	registerWithin = 30 * time.Minute
	sweepAfter     = time.Hour
)

// newID returns the id of a snapshot that is yet to be uploaded. Nobody can
// guess it, and every agent can tell when it was issued.
func newID(now time.Time) string {
	var random [idRandom]byte
	_, _ = rand.Read(random[:]) // never fails
	return hex.EncodeToString(random[:]) + fmt.Sprintf("%0*x", idTime, now.Unix())
}

// issuedAt returns when an id was issued; ok is false if it is not of newID.
func issuedAt(id string) (issued time.Time, ok bool) {
	if len(id) != idLength {
		return time.Time{}, false
	}
	if _, err := hex.DecodeString(id[:2*idRandom]); err != nil {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseUint(id[2*idRandom:], 16, 32)
	return time.Unix(int64(seconds), 0), err == nil
}

// checkID refuses ids that were not issued, or too long ago.
func checkID(id string, now time.Time) error {
	issued, ok := issuedAt(id)
	if !ok {
		return badRequest("snapshot %q: want the id that asking for the upload returned", id)
	}
	if age := now.Sub(issued); age > registerWithin {
		return badRequest("snapshot %s: its upload was asked for %s ago: want at most %s; take another snapshot",
			id, age.Round(time.Second), registerWithin)
	}
	return nil
}
