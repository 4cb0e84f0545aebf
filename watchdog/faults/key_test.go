package faults_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/watchdog/watchdogtest"
)

// keyFile writes a file of keys, the current one first, and returns the
// setting that names it. A key's secret is made of its name, up to a "/".
func keyFile(t *testing.T, keys ...string) (setting string) {
	t.Helper()
	var lines []string
	for _, key := range keys {
		if key == snapshot.Unencrypted {
			lines = append(lines, key)
			continue
		}
		id, _, _ := strings.Cut(key, "/")
		secret := sha256.Sum256([]byte(key))
		lines = append(lines, id+" "+base64.StdEncoding.EncodeToString(secret[:]))
	}
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return "snapshot_key_file=" + path
}

func keyring(t *testing.T, setting string) *snapshot.Keyring {
	t.Helper()
	keys, err := snapshot.ReadKeyring(strings.TrimPrefix(setting, "snapshot_key_file="))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// TestWhoHasTheKeyRestores starts containers from a snapshot that was encrypted
// with the key k1.
func TestWhoHasTheKeyRestores(t *testing.T) {
	bin, f := programs(t)
	for claim, tc := range map[string]struct {
		keys  []string
		start string // a sample of /metrics
		why   string // in the log
	}{
		"the same key":                 {[]string{"k1"}, watchdogtest.Restored, ""},
		"it and others":                {[]string{"k2", "k1"}, watchdogtest.Restored, ""},
		"no key":                       {nil, watchdogtest.Cold("planned"), "key"},
		"another key":                  {[]string{"k2"}, watchdogtest.Cold("planned"), "key"},
		"another key of the same name": {[]string{"k1/other"}, watchdogtest.Cold("planned"), "key"},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			c := watchdogtest.NewControl(t, "", "")
			snapshotOf(t, c, bin, f, keyFile(t, "k1"))
			env := []string{afterFirst}
			if tc.keys != nil {
				env = append(env, keyFile(t, tc.keys...))
			}
			w := c.StartWith(t, bin, f, env...)
			w.Drive(2)
			if w.Metric(tc.start) != 1 || !strings.Contains(w.Log.String(), tc.why) {
				t.Errorf("%s is %v, want 1 and %q as a reason:\n%s", tc.start, w.Metric(tc.start), tc.why, w.Log.String())
			}
		})
	}
}

// TestRotationOfKeys: with a new key in front of the old one, old snapshots are
// restored, and new ones need nothing of the old key.
func TestRotationOfKeys(t *testing.T) {
	bin, f := programs(t)
	c := watchdogtest.NewControl(t, "", "")
	snapshotOf(t, c, bin, f, keyFile(t, "k1"))
	both := keyFile(t, "k2", "k1")
	goesOnRestored(t, c, bin, f, both)
	manifests := c.VerifyPool(t, fn, keyring(t, both))
	if len(manifests) != 2 {
		t.Fatalf("%d snapshots, want the old and the new one", len(manifests))
	}
	if m := manifests[1]; !slices.Equal(m.KeyIDs(), []string{keyring(t, both).Current()}) || len(m.Packs) != 1 {
		t.Errorf("the new snapshot needs the keys %q and %d packs, want k2 and its own", m.KeyIDs(), len(m.Packs))
	}
	new := keyFile(t, "k2") // the old key is gone
	goesOnRestored(t, c, bin, f, new)
	if m := c.VerifyPool(t, fn, keyring(t, new))[2]; len(m.Packs) < 2 {
		t.Error("the next snapshot with the new key shares nothing with the one before")
	}
}

// TestEncryptionBegins: with a key, what is not encrypted is restored only while
// the key file says so.
func TestEncryptionBegins(t *testing.T) {
	bin, f := programs(t)
	for claim, tc := range map[string]struct {
		keys []string
		want string
	}{
		"from nothing":           {[]string{"k1"}, watchdogtest.Cold("planned")},
		"with what is there yet": {[]string{"k1", snapshot.Unencrypted}, watchdogtest.Restored},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			c := watchdogtest.NewControl(t, "", "")
			snapshotOf(t, c, bin, f)
			w := c.StartWith(t, bin, f, afterFirst, keyFile(t, tc.keys...))
			w.Drive(2)
			if w.Metric(tc.want) != 1 {
				t.Errorf("%s is %v, want 1:\n%s", tc.want, w.Metric(tc.want), w.Log.String())
			}
		})
	}
}

// TestEncryptedPoolShowsNothing looks for a text that the function holds in
// its memory, in all objects, also decompressed. Without encryption it is there.
func TestEncryptedPoolShowsNothing(t *testing.T) {
	const marker = "the-secret-of-the-function-0123456789"
	bin, f := programs(t)
	for claim, tc := range map[string]struct {
		env  []string
		want bool
	}{"encrypted": {[]string{keyFile(t, "k1")}, false}, "not encrypted": {nil, true}} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			c := watchdogtest.NewControl(t, "", "")
			w := c.StartWith(t, bin, f, append(tc.env, watchdogtest.Lineage(3))...)
			w.MustGet("/?keep=" + marker)
			w.Drive(2)
			w.AwaitCheckpoints(1)
			if got := poolShows(t, c, marker); got != tc.want {
				t.Errorf("the text is in the pool: %v, want %v", got, tc.want)
			}
		})
	}
}

// poolShows looks into every object, as it is and frame by frame decompressed.
func poolShows(t *testing.T, c *watchdogtest.Control, marker string) bool {
	t.Helper()
	zip, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer zip.Close()
	objects, err := c.Objects.List(t.Context(), "")
	if err != nil || len(objects) == 0 {
		t.Fatalf("objects %v, error %v", objects, err)
	}
	found := false
	for _, o := range objects {
		found = found || bytes.Contains(read(t, c, o.Key), []byte(marker))
	}
	for _, e := range c.Entries(t, fn) {
		m, err := snapshot.DecodeManifest(read(t, c, snapshot.ManifestKey(fn, e.ID)), e.ManifestSHA256)
		if err != nil {
			t.Fatal(err)
		}
		pack := read(t, c, snapshot.PackKey(fn, e.ID))
		for _, frame := range slices.Concat(m.Meta, m.Packs[0].Frames) {
			raw, err := zip.DecodeAll(pack[frame.Offset:][:frame.Bytes], nil)
			found = found || err == nil && bytes.Contains(raw, []byte(marker))
		}
	}
	return found
}

func read(t *testing.T, c *watchdogtest.Control, key string) []byte {
	t.Helper()
	r, _, err := c.Objects.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(fmt.Errorf("read %s: %w", key, err))
	}
	return raw
}
