package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

const (
	// repackBelow is the part of a pack in use below which it is repacked, as
	// 1/n.
	repackBelow = 4
	// repacksPerRound bounds the packs that one round of upkeep rewrites, and
	// repackWithin how long one may take.
	repacksPerRound = 4
	repackWithin    = 5 * time.Minute
	// maxExamined is how many packs are remembered not to be worth it.
	maxExamined = 10_000
)

// repack looks for packs of tombstones of which the live snapshots need so
// little that copying it into a new pack pays.
func (s *Server) repack(ctx context.Context, fn string, budget *int) error {
	st, err := s.state(ctx, fn)
	if err != nil {
		return err
	}
	var failed error
	for _, e := range st.Pool {
		if *budget == 0 {
			break
		}
		users := usersOf(st.Pool, e)
		if len(users) == 0 || s.examined.known(fn, e, users) {
			continue
		}
		did, err := s.repackOne(ctx, fn, e, users)
		if did {
			*budget--
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

// usersOf returns the live snapshots that refer to the pack of a keeper.
func usersOf(pool []kvstore.Entry, keeper kvstore.Entry) []kvstore.Entry {
	var users []kvstore.Entry
	if !keeper.PackOnly() || !keeper.Condemned.IsZero() {
		return nil
	}
	for _, e := range pool {
		if e.Live() && e.Refers(keeper.ID) {
			users = append(users, e)
		}
	}
	return users
}

// repackOne repacks a pack if that pays.
func (s *Server) repackOne(ctx context.Context, fn string, keeper kvstore.Entry, users []kvstore.Entry) (did bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, repackWithin)
	defer cancel()
	manifests, err := s.manifestsOf(ctx, fn, users)
	if err != nil {
		return false, fmt.Errorf("repack %s of %s: %w", keeper.ID, fn, err)
	}
	needed, size := snapshot.NeededBytes(keeper.ID, manifests), packSize(keeper.ID, manifests)
	if needed*repackBelow >= size {
		s.examined.note(fn, keeper, users)
		return false, nil
	}
	if err := s.rewrite(ctx, fn, keeper, users, manifests); err != nil {
		return true, fmt.Errorf("repack %s of %s: %w", keeper.ID, fn, err)
	}
	s.metrics.repacks.WithLabelValues(fn).Inc()
	s.report(Chore{Function: fn, Snapshot: keeper.ID, Action: ActionRepack, Bytes: size - needed})
	return true, nil
}

func (s *Server) manifestsOf(ctx context.Context, fn string, entries []kvstore.Entry) ([]snapshot.Manifest, error) {
	var manifests []snapshot.Manifest
	for _, e := range entries {
		m, err := snapshot.Verify(ctx, s.cfg.Pool, fn, e.ID, e.Manifest, e.ManifestSHA256)
		if err != nil {
			return nil, err
		}
		manifests = append(manifests, m)
	}
	return manifests, nil
}

func packSize(id string, manifests []snapshot.Manifest) int64 {
	for _, m := range manifests {
		for _, p := range m.Packs {
			if p.ID == id {
				return p.Bytes
			}
		}
	}
	return 0
}

// rewrite copies what the users need of a pack into a new one and moves them
// there, one by one. The new pack is there before its entry, the entry before
// a manifest that refers to it, the manifest before the entry of its snapshot
// names it; and the old pack stays for as long as anything refers to it, and a
// lease longer. So a crash at any point leaves every snapshot whole, and at
// most objects without an entry, which are swept, and a pack that nothing
// refers to, which is retired as any other. Of two agents that do it at once,
// each user follows the one whose ReplaceEntry comes first.
func (s *Server) rewrite(ctx context.Context, fn string, keeper kvstore.Entry, users []kvstore.Entry, manifests []snapshot.Manifest) error {
	now := s.cfg.Now()
	id := newID(now)
	next, size, err := snapshot.RewritePack(ctx, s.cfg.Pool, fn, keeper.ID, id, manifests)
	if err == nil {
		err = s.step("repack: pack written")
	}
	if err != nil {
		return err
	}
	e := kvstore.Entry{
		ID: id, RequestNumber: keeper.RequestNumber, Lifetime: keeper.Lifetime, Platform: keeper.Platform,
		Packs: []string{id}, KeyIDs: keeper.KeyIDs, StoredBytes: size, Created: now, Deleted: now,
	}
	if _, err := s.cfg.Store.AddEntry(ctx, fn, e); err != nil {
		return err
	}
	if err := s.step("repack: pack entered"); err != nil {
		return err
	}
	for i, m := range next {
		if err := s.move(ctx, fn, users[i], m); err != nil {
			return err
		}
	}
	return nil
}

// move gives a snapshot its manifest after repacking. One that has left the
// pool meanwhile, or was moved by somebody else, stays as it is; the manifest
// that nobody knows then is swept.
func (s *Server) move(ctx context.Context, fn string, user kvstore.Entry, m snapshot.Manifest) error {
	raw, sum, err := m.Encode()
	if err != nil {
		return err
	}
	e := describe(m, int64(len(raw)))
	e.Manifest, e.ManifestSHA256 = newManifestName(), sum
	key := snapshot.ManifestObject(fn, m.ID, e.Manifest)
	if err := s.cfg.Pool.Put(ctx, key, bytes.NewReader(raw), int64(len(raw))); err != nil {
		return err
	}
	if err := s.step("repack: manifest written"); err != nil {
		return err
	}
	err = s.cfg.Store.ReplaceEntry(ctx, fn, user.ManifestSHA256, e, s.cfg.Now())
	if err != nil && !errors.Is(err, kvstore.ErrConflict) && !errors.Is(err, kvstore.ErrNotFound) {
		return err
	}
	return s.step("repack: manifest replaced")
}

// newManifestName is a name that no other agent takes: an object that an entry
// names must never be written again.
func newManifestName() string { return fmt.Sprintf("manifest-%d.json", 1+rand.Int32N(1<<31-1)) }

// examined remembers which packs are in use so much that they stay as they
// are, until their users change.
type examined struct {
	mu    sync.Mutex
	packs map[string][sha256.Size]byte // users by function and pack
}

func newExamined() *examined { return &examined{packs: map[string][sha256.Size]byte{}} }

func (x *examined) known(fn string, keeper kvstore.Entry, users []kvstore.Entry) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.packs[fn+"/"+keeper.ID] == usersKey(users)
}

func (x *examined) note(fn string, keeper kvstore.Entry, users []kvstore.Entry) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.packs) >= maxExamined {
		clear(x.packs) // at worst, they are looked at again
	}
	x.packs[fn+"/"+keeper.ID] = usersKey(users)
}

func usersKey(users []kvstore.Entry) [sha256.Size]byte {
	var all []byte
	for _, e := range users {
		all = append(all, e.ID+" "+e.ManifestSHA256+"\n"...)
	}
	return sha256.Sum256(all)
}
