package snapshot_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// generation is a snapshot that a random lineage has.
type generation struct {
	id, sha string
	files   files
	packs   []string
}

// lineage is a pool whose snapshots are made of each other at random.
type lineage struct {
	*server
	r    *rand.Rand
	keys *snapshot.Keyring
	live []generation
	next int
}

// mutate changes an image as a process would: it writes pages, frees some,
// copies some, grows and shrinks.
func (l *lineage) mutate(old []byte) []byte {
	size := max(len(old)/snapshot.PageSize+l.r.IntN(60)-25, 1)
	pages := make([]byte, size*snapshot.PageSize)
	copy(pages, old)
	for range 1 + l.r.IntN(8) {
		at, n := l.r.IntN(size), 1+l.r.IntN(40)
		part := pages[at*snapshot.PageSize : min(at+n, size)*snapshot.PageSize]
		switch l.r.IntN(4) {
		case 0:
			clear(part)
		case 1:
			copy(part, pages[l.r.IntN(size)*snapshot.PageSize:])
		default:
			copy(part, textPages(n, l.r.Uint64()))
		}
	}
	return pages
}

// grow stores a child of a live snapshot, or a new one.
func (l *lineage) grow(t *testing.T) {
	t.Helper()
	l.next++
	g := generation{id: fmt.Sprintf("s%d", l.next), files: files{"core-7.img": textPages(1, l.r.Uint64())[:l.r.IntN(4000)+1], "pages-1.img": nil, "pages-2.img": nil}}
	req := snapshot.StoreRequest{}
	if len(l.live) > 0 && l.r.IntN(10) > 0 {
		parent := l.live[l.r.IntN(len(l.live))]
		req.Base = l.parentBase(t, parent)
		g.files["pages-1.img"], g.files["pages-2.img"] = parent.files["pages-2.img"], parent.files["pages-1.img"]
	}
	for _, name := range []string{"pages-1.img", "pages-2.img"} {
		g.files[name] = l.mutate(g.files[name])
	}
	share := slices.DeleteFunc(req.Base.Packs(), func(string) bool { return l.r.IntN(8) == 0 }) // not all are granted
	full := l.storeRequest(g.id, openImage(t, g.files))
	full.Base, full.Share, full.Keys = req.Base, share, l.keys
	done, err := l.store(t.Context(), full)
	if err != nil {
		t.Fatal(err)
	}
	g.sha, g.packs = done.ManifestSHA256, l.manifest(t, g.id).PackIDs()
	l.live = append(l.live, g)
}

func (l *lineage) parentBase(t *testing.T, g generation) *snapshot.Base {
	t.Helper()
	dir := t.TempDir()
	req := l.fetchRequest(g.id, g.sha, dir)
	req.Keys = l.keys
	got, err := snapshot.NewTransfer(nil).Fetch(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	base, err := snapshot.NewBase(t.Context(), got.Manifest, dir)
	if err != nil {
		t.Fatal(err)
	}
	return base
}

// prune removes a snapshot, and all packs that nobody needs any more.
func (l *lineage) prune() {
	i := l.r.IntN(len(l.live))
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.objects, manifestPath(l.live[i].id))
	l.live = slices.Delete(l.live, i, i+1)
	needed := map[string]bool{}
	for _, g := range l.live {
		for _, pack := range g.packs {
			needed[packPath(pack)] = true
		}
	}
	maps.DeleteFunc(l.objects, func(path string, _ []byte) bool { return strings.HasSuffix(path, ".pack") && !needed[path] })
}

func TestEverySnapshotOfALineageStaysWhatItIs(t *testing.T) {
	generations := 40
	if testing.Short() {
		generations = 15
	}
	for name, keys := range map[string]*snapshot.Keyring{"in the clear": nil, "encrypted": keyring(t, "a1")} {
		t.Run(name, func(t *testing.T) {
			l := &lineage{server: newServer(t), r: rand.New(rand.NewPCG(7, 9)), keys: keys}
			for range generations {
				l.grow(t)
				if len(l.live) > 8 {
					l.prune()
				}
				if l.r.IntN(6) == 0 {
					l.repack(t)
				}
				g := l.live[l.r.IntN(len(l.live))]
				got, err := fetchWith(t, l.server, g.id, g.sha, keys)
				if err != nil {
					t.Fatal(err)
				}
				sameFiles(t, got, g.files)
			}
			for _, g := range l.live {
				got, err := fetchWith(t, l.server, g.id, g.sha, keys)
				if err != nil {
					t.Fatal(err)
				}
				sameFiles(t, got, g.files)
			}
		})
	}
}

// repack rewrites a pack for the live snapshots.
func (l *lineage) repack(t *testing.T) {
	t.Helper()
	packs := l.live[l.r.IntN(len(l.live))].packs
	old := packs[l.r.IntN(len(packs))]
	var users []snapshot.Manifest
	for _, g := range l.live {
		if slices.Contains(g.packs, old) {
			users = append(users, l.manifest(t, g.id))
		}
	}
	l.next++
	id := fmt.Sprintf("r%d", l.next)
	rewritten, size, err := snapshot.RewritePack(t.Context(), l.pool(), fn, old, id, users)
	if err != nil {
		t.Fatal(err)
	}
	if want := snapshot.NeededBytes(old, users); size != want {
		t.Errorf("the new pack has %d bytes, %d are needed", size, want)
	}
	for _, m := range rewritten {
		raw, sha := encode(t, m)
		l.setObject(manifestPath(m.ID), raw)
		i := slices.IndexFunc(l.live, func(g generation) bool { return g.id == m.ID })
		l.live[i].sha, l.live[i].packs = sha, m.PackIDs()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.objects, packPath(old))
}

func TestASnapshotRefersToFewPacks(t *testing.T) {
	if testing.Short() {
		t.Skip("many generations, one after the other: there is nothing for the race detector")
	}
	s := newServer(t)
	pages := textPages(400, 1)
	var base *snapshot.Base
	for i := range 40 {
		copy(pages[i%40*10*snapshot.PageSize:], textPages(10, uint64(i)+2))
		id := fmt.Sprintf("s%d", i)
		f := files{"core-7.img": []byte("core"), "pages-1.img": pages}
		req := s.storeRequest(id, openImage(t, f))
		req.Base, req.Share = base, base.Packs()
		done, err := s.store(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if m := s.manifest(t, id); len(m.Packs) > 25 {
			t.Fatalf("%d packs after %d generations", len(m.Packs), i)
		}
		base = s.base(t, id, done.ManifestSHA256)
	}
}

func TestRewritingIsOfThoseThatReferToThePack(t *testing.T) {
	s, m := child(t)
	first := s.manifest(t, "s1")
	l := &lineage{server: s}
	for name, tc := range map[string]struct {
		old   string
		users []snapshot.Manifest
		says  string
	}{
		"nobody":          {"s1", nil, "nobody needs it"},
		"somebody else":   {"s2", []snapshot.Manifest{m, first}, "does not refer"},
		"a pack not here": {"s9", []snapshot.Manifest{m}, "does not refer"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := snapshot.RewritePack(t.Context(), l.pool(), fn, tc.old, "new", tc.users); err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("error %v, want one that says %q", err, tc.says)
			}
		})
	}
	t.Run("the manifests that are given stay as they are", func(t *testing.T) {
		before, _ := encode(t, m)
		if _, _, err := snapshot.RewritePack(t.Context(), l.pool(), fn, "s1", "new", []snapshot.Manifest{m, first}); err != nil {
			t.Fatal(err)
		}
		if after, _ := encode(t, m); cmp.Diff(string(before), string(after)) != "" {
			t.Error("the manifest was changed")
		}
	})
	t.Run("what is corrupt is not copied", func(t *testing.T) {
		pack, _ := s.object(packPath("s1"))
		pack[len(pack)/2] ^= 1
		if _, _, err := snapshot.RewritePack(t.Context(), l.pool(), fn, "s1", "bad", []snapshot.Manifest{first}); err == nil {
			t.Error("no error")
		}
		if _, known := s.object(packPath("bad")); known {
			t.Error("there is a pack")
		}
	})
}
