// Package registry holds the rules by which the pool of a function changes:
// who may refer to which pack, and when a pack may go. They are pure functions
// of what a store holds; the backends run them in one atomic step.
//
// A pack belongs to the entry of the same id. It is there for certain as long
// as that entry is not condemned, since nobody deletes a pack before. An entry
// is condemned only when nothing refers to its pack, and never again taken
// into use, since nothing new may refer to a condemned or unknown pack. Hence
// no entry ever refers to a pack that is not there.
package registry

import (
	"fmt"
	"slices"
	"time"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// Pool is what a store holds of a function's snapshots.
type Pool struct {
	Entries []kvstore.Entry
	Pending []kvstore.Pending
}

// Reserve grants an upload what it may refer to; see kvstore.Store.
func (p *Pool) Reserve(want kvstore.Pending, now time.Time) (granted []string, changed bool) {
	before := len(p.Pending)
	p.Pending = slices.DeleteFunc(p.Pending, func(r kvstore.Pending) bool { return r.ID == want.ID || !r.Until.After(now) })
	granted = []string{}
	if len(p.Pending) < kvstore.MaxPending {
		granted = slices.DeleteFunc(slices.Clone(want.Packs), func(pack string) bool { return !p.safe(pack) })
	}
	if len(granted) > 0 {
		p.Pending = append(p.Pending, kvstore.Pending{ID: want.ID, Packs: granted, Until: want.Until})
	}
	return granted, len(granted) > 0 || len(p.Pending) != before
}

// Add adds an entry if its id is new.
func (p *Pool) Add(e kvstore.Entry) (added, changed bool, err error) {
	added = p.find(e.ID) == nil
	if added {
		if err := p.checkPacks(e); err != nil {
			return false, false, err
		}
		p.Entries = append(p.Entries, e)
	}
	released := len(p.Pending)
	p.Pending = slices.DeleteFunc(p.Pending, func(r kvstore.Pending) bool { return r.ID == e.ID })
	return added, added || len(p.Pending) != released, nil
}

// Remove marks entries deleted and returns copies of the newly marked.
func (p *Pool) Remove(ids []string, at time.Time) []kvstore.Entry {
	removed := []kvstore.Entry{}
	for i := range p.Entries {
		if e := &p.Entries[i]; e.Live() && slices.Contains(ids, e.ID) {
			e.Deleted = at
			removed = append(removed, *e)
		}
	}
	return removed
}

// Fail notes a lifetime that could not start from an entry.
func (p *Pool) Fail(id, lifetime string) (entry kvstore.Entry, changed bool, err error) {
	e := p.find(id)
	if e == nil {
		return kvstore.Entry{}, false, notFound(id)
	}
	changed = !slices.Contains(e.Failures, lifetime)
	if changed {
		e.Failures = append(e.Failures, lifetime)
	}
	return *e, changed, nil
}

// Replace gives an entry another manifest.
func (p *Pool) Replace(oldSHA256 string, next kvstore.Entry, now time.Time) (changed bool, err error) {
	e := p.find(next.ID)
	switch {
	case e == nil:
		return false, notFound(next.ID)
	case sameManifest(*e, next):
		return false, nil
	case e.ManifestSHA256 != oldSHA256:
		return false, fmt.Errorf("the manifest of snapshot %q is not the one with sha256 %q: %w", e.ID, oldSHA256, kvstore.ErrConflict)
	}
	if err := p.checkPacks(next); err != nil {
		return false, err
	}
	p.renew(*e, next, now)
	e.Manifest, e.ManifestSHA256, e.Packs, e.KeyIDs = next.Manifest, next.ManifestSHA256, next.Packs, next.KeyIDs
	e.StoredBytes, e.SharedBytes, e.Replaced = next.StoredBytes, next.SharedBytes, now
	return true, nil
}

func sameManifest(a, b kvstore.Entry) bool {
	return a.Manifest == b.Manifest && a.ManifestSHA256 == b.ManifestSHA256 && slices.Equal(a.PackIDs(), b.PackIDs())
}

// renew keeps the packs that next does without for as long as somebody may
// still restore what the entry was: a live one was offered until now, a
// tombstone until it was deleted.
func (p *Pool) renew(entry, next kvstore.Entry, now time.Time) {
	offered := entry.Deleted
	if entry.Live() {
		offered = now
	}
	for _, pack := range entry.PackIDs() {
		e := p.find(pack)
		if e != nil && !e.Live() && !next.Refers(pack) && e.Deleted.Before(offered) {
			e.Deleted = offered
		}
	}
}

// Condemn marks an entry whose pack nothing refers to.
func (p *Pool) Condemn(id string, now time.Time) (changed bool, err error) {
	e := p.find(id)
	switch {
	case e == nil:
		return false, notFound(id)
	case !e.Condemned.IsZero():
		return false, nil
	case e.Live():
		return false, fmt.Errorf("snapshot %q is not marked deleted: %w", id, kvstore.ErrConflict)
	}
	if user := p.user(id, now); user != "" {
		return false, fmt.Errorf("the pack of snapshot %q is in use by %s: %w", id, user, kvstore.ErrConflict)
	}
	e.Condemned = now
	return true, nil
}

// user names something other than its own entry that refers to a pack; "" if
// nothing does.
func (p *Pool) user(pack string, now time.Time) string {
	for _, e := range p.Entries {
		if e.ID != pack && e.Condemned.IsZero() && e.Refers(pack) {
			return "snapshot " + e.ID
		}
	}
	for _, r := range p.Pending {
		if r.Until.After(now) && slices.Contains(r.Packs, pack) {
			return "the upload of snapshot " + r.ID
		}
	}
	return ""
}

// Purge forgets a condemned entry.
func (p *Pool) Purge(id string) (changed bool, err error) {
	e := p.find(id)
	if e == nil {
		return false, nil
	}
	if e.Condemned.IsZero() {
		return false, fmt.Errorf("%w: snapshot %q is not condemned: do that first", kvstore.ErrInvalid, id)
	}
	p.Entries = slices.DeleteFunc(p.Entries, func(e kvstore.Entry) bool { return e.ID == id })
	return true, nil
}

// checkPacks refuses what an entry may not refer to.
func (p *Pool) checkPacks(e kvstore.Entry) error {
	for _, pack := range e.PackIDs() {
		if pack != e.ID && !p.safe(pack) {
			return fmt.Errorf("snapshot %q refers to pack %q, which is unknown or condemned: %w", e.ID, pack, kvstore.ErrConflict)
		}
	}
	return nil
}

// safe reports whether something new may refer to a pack.
func (p *Pool) safe(pack string) bool {
	e := p.find(pack)
	return e != nil && e.Condemned.IsZero()
}

func (p *Pool) find(id string) *kvstore.Entry {
	i := slices.IndexFunc(p.Entries, func(e kvstore.Entry) bool { return e.ID == id })
	if i < 0 {
		return nil
	}
	return &p.Entries[i]
}

func notFound(id string) error { return fmt.Errorf("snapshot %q: %w", id, kvstore.ErrNotFound) }
