package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// poolModel is the pool of one function in the plainest words: what each entry
// is and refers to, and what each upload holds.
type poolModel struct {
	order    []string
	is       map[string]string // "live", "tombstone", "condemned"
	refers   map[string][]string
	manifest map[string]string
	holds    map[string][]string
	until    map[string]int
}

func newPoolModel() *poolModel {
	return &poolModel{is: map[string]string{}, refers: map[string][]string{}, manifest: map[string]string{},
		holds: map[string][]string{}, until: map[string]int{}}
}

// usable reports whether all packs but the own one may be referred to.
func (m *poolModel) usable(own string, packs []string) bool {
	for _, pack := range packs {
		if pack != own && m.is[pack] != "live" && m.is[pack] != "tombstone" {
			return false
		}
	}
	return true
}

func (m *poolModel) inUse(id string, now int) bool {
	for other, packs := range m.refers {
		if other != id && m.is[other] != "condemned" && slices.Contains(packs, id) {
			return true
		}
	}
	for upload, packs := range m.holds {
		if m.until[upload] > now && slices.Contains(packs, id) {
			return true
		}
	}
	return false
}

// poolOp is one random change: what the store does and what the model does
// and expects.
type poolOp struct {
	name  string
	store func(ctx context.Context, s kvstore.Store) (string, error)
	model func(m *poolModel) (string, error)
}

// at is minute n of a random run.
func at(n int) time.Time { return when().Add(time.Duration(n) * time.Minute) }

func randomPoolChanges(t *testing.T, s kvstore.Store) {
	rng, m := rand.New(rand.NewPCG(3, 4)), newPoolModel()
	for now := range changes(500) {
		op := randomPoolOp(rng, now)
		want, wantErr := op.model(m)
		got, err := op.store(t.Context(), s)
		if got != want || !errors.Is(err, wantErr) {
			t.Fatalf("change %d, %s: got %q, %v; want %q, %v", now, op.name, got, err, want, wantErr)
		}
		m.checkState(t, state(t, s), now)
	}
}

func (m *poolModel) checkState(t *testing.T, st kvstore.State, now int) {
	t.Helper()
	checkReferences(t, st)
	order, is, refers := []string(nil), map[string]string{}, map[string][]string{}
	for _, e := range st.Pool {
		order, refers[e.ID] = append(order, e.ID), e.Packs
		switch {
		case !e.Condemned.IsZero():
			is[e.ID] = "condemned"
		case !e.Live():
			is[e.ID] = "tombstone"
		default:
			is[e.ID] = "live"
		}
	}
	diff := cmp.Diff(m.order, order) + cmp.Diff(m.is, is) + cmp.Diff(m.refers, refers) + cmp.Diff(m.held(now), heldIn(st, now))
	if diff != "" {
		t.Fatalf("after change %d (-want +got):\n%s", now, diff)
	}
}

// held is what uploads hold whose time is not over.
func (m *poolModel) held(now int) map[string][]string {
	held := map[string][]string{}
	for id, packs := range m.holds {
		if m.until[id] > now && len(packs) > 0 {
			held[id] = packs
		}
	}
	return held
}

func heldIn(st kvstore.State, now int) map[string][]string {
	held := map[string][]string{}
	for _, p := range st.Pending {
		if p.Until.After(at(now)) {
			held[p.ID] = p.Packs
		}
	}
	return held
}

func randomPoolOp(rng *rand.Rand, now int) poolOp {
	id := fmt.Sprintf("s%d", rng.IntN(12))
	packs := []string{id}
	for i := range 12 {
		if p := fmt.Sprintf("s%d", i); p != id && rng.IntN(16) == 0 {
			packs = append(packs, p)
		}
	}
	sha := fmt.Sprintf("%02x", rng.IntN(3))
	switch rng.IntN(10) {
	case 0, 1:
		return opAdd(id, packs, sha)
	case 2, 7:
		return opReserve(id, packs[1:], now)
	case 3:
		return opReplace(id, packs, sha, fmt.Sprintf("%02x", rng.IntN(3)), now)
	case 4, 8:
		return opRemove(id, now)
	case 5, 6:
		return opCondemn(id, now)
	}
	return opPurge(id)
}

func opAdd(id string, packs []string, sha string) poolOp {
	e := kvstore.Entry{ID: id, Packs: packs, ManifestSHA256: sha, Created: when()}
	return poolOp{"add " + id,
		func(ctx context.Context, s kvstore.Store) (string, error) {
			added, err := s.AddEntry(ctx, fn, e)
			return fmt.Sprint(added), err
		},
		func(m *poolModel) (string, error) {
			if m.is[id] == "" && !m.usable(id, packs) {
				return "false", kvstore.ErrConflict
			}
			delete(m.holds, id)
			if m.is[id] != "" {
				return "false", nil
			}
			m.order, m.is[id], m.refers[id], m.manifest[id] = append(m.order, id), "live", packs, sha
			return "true", nil
		}}
}

func opReserve(id string, packs []string, now int) poolOp {
	p := kvstore.Pending{ID: id, Packs: packs, Until: at(now + 20)}
	return poolOp{"reserve for " + id,
		func(ctx context.Context, s kvstore.Store) (string, error) {
			granted, err := s.Reserve(ctx, fn, p, at(now))
			return fmt.Sprint(granted), err
		},
		func(m *poolModel) (string, error) {
			granted := []string{}
			for _, pack := range packs {
				if m.usable("", []string{pack}) {
					granted = append(granted, pack)
				}
			}
			m.holds[id], m.until[id] = granted, now+20
			return fmt.Sprint(granted), nil
		}}
}

func opReplace(id string, packs []string, old, sha string, now int) poolOp {
	e := kvstore.Entry{ID: id, Packs: packs, ManifestSHA256: sha}
	return poolOp{"replace " + id,
		func(ctx context.Context, s kvstore.Store) (string, error) {
			return "", s.ReplaceEntry(ctx, fn, old, e, at(now))
		},
		func(m *poolModel) (string, error) {
			switch {
			case m.is[id] == "":
				return "", kvstore.ErrNotFound
			case m.manifest[id] == sha && slices.Equal(m.refers[id], packs):
				return "", nil
			case m.manifest[id] != old || !m.usable(id, packs):
				return "", kvstore.ErrConflict
			}
			m.refers[id], m.manifest[id] = packs, sha
			return "", nil
		}}
}

func opRemove(id string, now int) poolOp {
	return poolOp{"remove " + id,
		func(ctx context.Context, s kvstore.Store) (string, error) {
			removed, err := s.RemoveEntries(ctx, fn, []string{id}, at(now))
			return fmt.Sprint(len(removed)), err
		},
		func(m *poolModel) (string, error) {
			if m.is[id] != "live" {
				return "0", nil
			}
			m.is[id] = "tombstone"
			return "1", nil
		}}
}

func opCondemn(id string, now int) poolOp {
	return poolOp{"condemn " + id,
		func(ctx context.Context, s kvstore.Store) (string, error) {
			return "", s.CondemnEntry(ctx, fn, id, at(now))
		},
		func(m *poolModel) (string, error) {
			switch {
			case m.is[id] == "":
				return "", kvstore.ErrNotFound
			case m.is[id] == "condemned":
				return "", nil
			case m.is[id] == "live" || m.inUse(id, now):
				return "", kvstore.ErrConflict
			}
			m.is[id] = "condemned"
			return "", nil
		}}
}

func opPurge(id string) poolOp {
	return poolOp{"purge " + id,
		func(ctx context.Context, s kvstore.Store) (string, error) { return "", s.PurgeEntry(ctx, fn, id) },
		func(m *poolModel) (string, error) {
			if m.is[id] == "" {
				return "", nil
			}
			if m.is[id] != "condemned" {
				return "", kvstore.ErrInvalid
			}
			m.order = slices.DeleteFunc(m.order, func(other string) bool { return other == id })
			delete(m.is, id)
			delete(m.refers, id)
			return "", nil
		}}
}
