package server

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

func sorted(keys []string) []string {
	slices.Sort(keys)
	return keys
}

// keyring has the key k1.
func keyring(t testing.TB) *snapshot.Keyring {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys")
	line := "k1 " + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)) + "\n"
	if err := os.WriteFile(path, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, err := snapshot.ReadKeyring(path)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// big is an image of five frames; part is what a child keeps of it: one frame.
func big() testImage  { return run(1, 5*128) }
func part() testImage { return append(run(1, 100), run(9000, 5)...) }

func TestPacksThatAreMostlyDeadAreRepacked(t *testing.T) {
	for name, c := range map[string]struct {
		keep  testImage
		keys  *snapshot.Keyring
		moved bool
	}{
		"a fifth in use":            {part(), nil, true},
		"a fifth in use, encrypted": {part(), keyring(t), true},
		"two fifths in use":         {run(1, 200), nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a := w.agent(t)
			cl := a.client(t, "")
			parent := upload{lifetime: "life-1", requestNumber: 1, image: big(), keys: c.keys}.take(t, cl)
			child := upload{lifetime: "life-2", requestNumber: 2, image: c.keep, base: w.base(t, parent, big()), parent: parent, keys: c.keys}.take(t, cl)
			w.unregister(t, parent)
			before := w.bytesUnder(t, "")
			w.tidy(t, a)
			e := w.entry(t, child)
			if e.Refers(parent) == c.moved || (e.Manifest != "") != c.moved {
				t.Fatalf("the child is %+v", e)
			}
			w.tidy(t, a) // the lease that begins with the move
			w.checkNothingLeaks(t, a)
			after := w.bytesUnder(t, "")
			if saved := before - after; (saved > before/2) != c.moved {
				t.Errorf("%d bytes of %d are left", after, before)
			}
			if _, err := snapshot.VerifyData(t.Context(), w.pool, fn, child, e.Manifest, e.ManifestSHA256, c.keys); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWhoWasSentToTheOldManifestStillRestores(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w world) {
		a := w.agent(t)
		c := a.client(t, "")
		parent := upload{lifetime: "life-1", requestNumber: 1, image: big()}.take(t, c)
		child := w.child(t, c, parent, big(), "life-2", part())
		w.unregister(t, parent)
		w.clock.pass(DefaultLease)
		plan := start(t, c, request("life-3", "fixed&request_to_checkpoint=2"))
		for range 3 { // moves the child, and would delete what it left
			if err := a.upkeep(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := a.sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.clock.pass(DefaultLease/3 - 1)
		}
		if e := w.entry(t, child); e.Refers(parent) || !strings.HasPrefix(e.Manifest, "manifest-") {
			t.Fatalf("the child was not moved: %+v", e)
		}
		again := start(t, c, request("life-4", "fixed&request_to_checkpoint=2"))
		for name, r := range map[string]bool{"before": true, "after": false} {
			restore := plan.Restore
			if !r {
				restore = again.Restore
			}
			if pages, err := fetch(t.Context(), t, restore); err != nil || !bytes.Equal(pages, part().raw()) {
				t.Errorf("planned %s the move: %d bytes, %v", name, len(pages), err)
			}
		}
		if reg := plan.Restore; reg.ManifestSHA256 == again.Restore.ManifestSHA256 {
			t.Error("both plans name the same manifest")
		}
	})
}

// Two agents that repack the same pack: the user follows one of them, the pack
// of the other goes.
func TestTwoAgentsRepackAtOnce(t *testing.T) {
	w := newWorld(t)
	slow := make(chan struct{})
	first := w.agent(t)
	c := first.client(t, "")
	parent := upload{lifetime: "life-1", requestNumber: 1, image: big()}.take(t, c)
	child := w.child(t, c, parent, big(), "life-2", part())
	w.unregister(t, parent)
	w.clock.pass(DefaultLease)
	if err := w.agent(t, func(cfg *Config) { cfg.Pool = unreadable{w.pool} }).upkeep(t.Context()); !errors.Is(err, errBroken) {
		t.Fatalf("got %v", err) // it has stripped the parent only
	}
	second := w.agent(t, func(cfg *Config) {
		cfg.Faults = func(step string) error {
			if step == "repack: manifest written" {
				close(slow)
				return first.upkeep(t.Context())
			}
			return nil
		}
	})
	if err := second.upkeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-slow
	if n := len(w.state(t).Pool); n != 4 { // parent, child, two new packs
		t.Errorf("%d entries", n)
	}
	w.checkWhole(t)
	w.checkNothingLeaks(t, first)
	if e := w.entry(t, child); len(w.state(t).Pool) != 2 || e.Refers(parent) {
		t.Errorf("left: %+v", w.state(t).Pool)
	}
}
