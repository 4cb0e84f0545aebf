package snapshot_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// secret is a key in base64, a different one for every n.
func secret(n byte) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{n}, 32)) }

func keyFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// keyring has keys of these ids and secrets: "a1" is key a with secret(1).
func keyring(t testing.TB, keys ...string) *snapshot.Keyring {
	t.Helper()
	var text strings.Builder
	for _, k := range keys {
		if k == snapshot.Unencrypted {
			fmt.Fprintln(&text, k)
			continue
		}
		fmt.Fprintf(&text, "%s %s\n", k[:1], secret(k[1]))
	}
	ring, err := snapshot.ReadKeyring(keyFile(t, text.String()))
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func TestAKeyFileIsLinesOfIDsAndKeys(t *testing.T) {
	ring, err := snapshot.ReadKeyring(keyFile(t, "# of 2026\n\nnew-1 "+secret(1)+"\r\n  old\t"+secret(2)+"  \n"))
	if err != nil {
		t.Fatal(err)
	}
	// The fingerprints are part of the format: a reader finds its key by them.
	if diff := cmp.Diff([]string{"new-1-333e589e", "old-bede3d7b"}, ring.IDs()); diff != "" || ring.Current() != "new-1-333e589e" {
		t.Errorf("current %q (-want +got):\n%s", ring.Current(), diff)
	}
	var none *snapshot.Keyring
	if none.IDs() != nil || none.Current() != "" {
		t.Error("no keyring has keys")
	}
}

func TestABadKeyFileIsExplainedWithoutTheKey(t *testing.T) {
	for name, tc := range map[string]struct{ text, says string }{
		"empty":             {"", "no key"},
		"comments only":     {"# x\n", "no key"},
		"a key without id":  {secret(7), "line 1: 1 fields"},
		"an id without key": {"k " + secret(1) + "\nold", "line 2: 1 fields"},
		"three fields":      {"k " + secret(7) + " x", "3 fields"},
		"swapped":           {secret(7) + " k", "line 1: the key id"},
		"a short key":       {"k " + secret(7)[:40], "32 bytes"},
		"no base64":         {"k " + strings.Repeat("?", 44), "32 bytes"},
		"an id twice":       {"# c\nk " + secret(1) + "\nk " + secret(7), "line 3: the key id is on an earlier line"},
		"too large":         {strings.Repeat("#\n", 1<<20), "at most"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := snapshot.ReadKeyring(keyFile(t, tc.text))
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Fatalf("error %v, want one that says %q", err, tc.says)
			}
			if strings.Contains(err.Error(), secret(7)[:20]) {
				t.Errorf("error %q shows the key", err)
			}
		})
	}
	if _, err := snapshot.ReadKeyring("/no/such/file"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want that there is no such file", err)
	}
}

func TestPrintingAKeyringShowsNoKey(t *testing.T) {
	ring := keyring(t, "a1")
	want := fmt.Sprintf("keys [%q]", ring.Current())
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		if got := fmt.Sprintf(format, ring); got != want {
			t.Errorf("%s shows %s", format, got)
		}
	}
}

func storeWith(t testing.TB, s *server, id string, f files, keys *snapshot.Keyring, base *snapshot.Base) string {
	t.Helper()
	req := s.storeRequest(id, openImage(t, f))
	req.Keys, req.Base, req.Share = keys, base, base.Packs()
	done, err := s.store(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return done.ManifestSHA256
}

func fetchWith(t testing.TB, s *server, id, sha string, keys *snapshot.Keyring) (files, error) {
	t.Helper()
	dir := t.TempDir()
	req := s.fetchRequest(id, sha, dir)
	req.Keys = keys
	_, err := snapshot.NewTransfer(nil).Fetch(t.Context(), req)
	return readDir(t, dir), err
}

func TestAnEncryptedSnapshotIsReadWithItsKeyOnly(t *testing.T) {
	s := newServer(t)
	sha := storeWith(t, s, "s1", images(), keyring(t, "a1", "b2"), nil)
	if m := s.manifest(t, "s1"); len(m.KeyIDs()) != 1 || m.KeyIDs()[0] != keyring(t, "a1").Current() {
		t.Errorf("keys %q, want the current one", m.KeyIDs())
	}
	if pack, _ := s.object(packPath("s1")); bytes.Contains(pack, []byte("inventory")) {
		t.Error("the pack shows the image")
	}
	for name, tc := range map[string]struct {
		keys *snapshot.Keyring
		want error
		says string
	}{
		"the same keys":       {keyring(t, "a1", "b2"), nil, ""},
		"after a rotation":    {keyring(t, "c3", "a1"), nil, ""},
		"no keys":             {nil, snapshot.ErrNoKey, `"a-`},
		"another key":         {keyring(t, "b2"), snapshot.ErrNoKey, `"a-`},
		"another key as that": {keyring(t, "a2"), snapshot.ErrNoKey, `"a-`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := fetchWith(t, s, "s1", sha, tc.keys)
			if tc.want == nil {
				if err != nil {
					t.Fatal(err)
				}
				sameFiles(t, got, images())
				return
			}
			if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("error %v, want %v that says %s", err, tc.want, tc.says)
			}
			sameFiles(t, got, nil)
		})
	}
}

func TestAKeyringWithKeysReadsTheUnencryptedOnlyWhenItSaysSo(t *testing.T) {
	s := newServer(t)
	sha := storeWith(t, s, "s1", images(), nil, nil)
	for name, tc := range map[string]struct {
		keys *snapshot.Keyring
		want error
	}{
		"no keys":                      {nil, nil},
		"keys":                         {keyring(t, "a1"), snapshot.ErrNoKey},
		"keys, then unencrypted":       {keyring(t, "a1", snapshot.Unencrypted), nil},
		"unencrypted first, to end it": {keyring(t, snapshot.Unencrypted, "a1"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := fetchWith(t, s, "s1", sha, tc.keys)
			if !errors.Is(err, tc.want) {
				t.Fatalf("error %v, want %v", err, tc.want)
			}
			if tc.want != nil {
				sameFiles(t, got, nil)
			} else {
				sameFiles(t, got, images())
			}
		})
	}
}

func TestTheFirstLineOfAKeyFileIsWhatIsWrittenWith(t *testing.T) {
	if got := keyring(t, snapshot.Unencrypted, "a1").Current(); got != "" {
		t.Errorf("unencrypted first: written with %q", got)
	}
	if got := keyring(t, "a1", snapshot.Unencrypted).Current(); got != keyring(t, "a1").Current() {
		t.Errorf("a key first: written with %q", got)
	}
}

func TestPagesAreSharedUnderOneKeyOnly(t *testing.T) {
	for name, tc := range map[string]struct {
		first, second []string
		shares        bool
	}{
		"the same key":   {[]string{"a1"}, []string{"a1"}, true},
		"no key":         {nil, nil, true},
		"a new key":      {[]string{"a1"}, []string{"b2", "a1"}, false},
		"the first key":  {nil, []string{"a1"}, false},
		"no key anymore": {[]string{"a1"}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			ring := func(keys []string) *snapshot.Keyring {
				if keys == nil {
					return nil
				}
				return keyring(t, keys...)
			}
			s := newServer(t)
			sha := storeWith(t, s, "s1", images(), ring(tc.first), nil)
			dir := t.TempDir()
			req := s.fetchRequest("s1", sha, dir)
			req.Keys = ring(tc.first)
			got, err := snapshot.NewTransfer(nil).Fetch(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			base, err := snapshot.NewBase(t.Context(), got.Manifest, dir)
			if err != nil {
				t.Fatal(err)
			}
			sha = storeWith(t, s, "s2", images(), ring(tc.second), base)
			if shares := len(s.manifest(t, "s2").Packs) == 2; shares != tc.shares {
				t.Errorf("shares: %v, want %v", shares, tc.shares)
			}
			f, err := fetchWith(t, s, "s2", sha, ring(tc.second))
			if err != nil {
				t.Fatal(err)
			}
			sameFiles(t, f, images())
		})
	}
}

// Whoever writes to both pool and KV service, but has no key, can put no frame
// in another one's place.
func TestAnEncryptedFrameStaysWhatItIs(t *testing.T) {
	big := images()
	big["core-7.img"] = textPages(256, 3) // two frames of metadata
	big["pages-1.img"] = textPages(256, 4)
	ring := keyring(t, "a1", snapshot.Unencrypted)
	for name, change := range map[string]func(m *snapshot.Manifest, pack []byte){
		"pages swapped": func(m *snapshot.Manifest, pack []byte) { swap(m.Packs[0].Frames, pack) },
		"metadata swapped": func(m *snapshot.Manifest, pack []byte) {
			m.Files[0].Bytes = 2 * m.Meta[0].Raw
			m.Files, m.Meta = m.Files[:1], m.Meta[:2]
			swap(m.Meta, pack)
		},
		"another number":   func(m *snapshot.Manifest, _ []byte) { m.Packs[0].Frames[1].N++ },
		"another salt":     func(m *snapshot.Manifest, _ []byte) { m.Packs[0].Salt = strings.Repeat("0", 64) },
		"not encrypted":    func(m *snapshot.Manifest, _ []byte) { m.Packs[0].Salt, m.Packs[0].KeyID = "", "" },
		"another function": func(m *snapshot.Manifest, _ []byte) { m.Function = "other" },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			storeWith(t, s, "s1", big, ring, nil)
			m := s.manifest(t, "s1")
			pack, _ := s.object(packPath("s1"))
			change(&m, pack)
			raw, sha := encode(t, m)
			s.setObject(manifestPath("s1"), raw)
			got, err := fetchWith(t, s, "s1", sha, ring)
			if !errors.Is(err, snapshot.ErrCorrupt) {
				t.Errorf("error %v, want ErrCorrupt", err)
			}
			sameFiles(t, got, nil)
		})
	}
}

// swap swaps the first two frames in the pack, and says so in their checksums.
func swap(frames []snapshot.Frame, pack []byte) {
	a, b := &frames[0], &frames[1]
	both := pack[a.Offset : b.Offset+b.Bytes]
	copy(both, append(bytes.Clone(both[a.Bytes:]), both[:a.Bytes]...))
	a.Bytes, b.Bytes, a.SHA256, b.SHA256 = b.Bytes, a.Bytes, b.SHA256, a.SHA256
	b.Offset = a.Offset + a.Bytes
}
