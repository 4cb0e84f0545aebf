package backend

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

func TestOpenRefusesURLsThatNoStoreHas(t *testing.T) {
	for name, c := range map[string]struct {
		url  string
		says []string
	}{
		"empty":                         {"", []string{`""`, Forms}},
		"a bare path":                   {"/var/lib/kv.db", []string{"/var/lib/kv.db", Forms}},
		"another scheme":                {"etcd://user:secret@host", []string{`"etcd"`, Forms}},
		"a file without a path":         {"file:", []string{"file:PATH"}},
		"a file elsewhere":              {"file://host/kv.db", []string{"file://host/kv.db", "this host"}},
		"a Redis database that is none": {"redis://user:secret@127.0.0.1:1/x/y", []string{Forms}},
		"a Redis port that is none":     {"redis://user:secret@127.0.0.1:port", []string{Forms}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(t.Context(), c.url)
			if !errors.Is(err, kvstore.ErrInvalid) {
				t.Fatalf("got %v, want ErrInvalid", err)
			}
			wantText(t, err, c.says...)
		})
	}
}

func TestOpenTakesAFileURLWithSlashes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kv.db")
	openTest(t, "file://"+path)
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestOpenSaysWhatToDo(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database ", 4096)), 0o600); err != nil {
		t.Fatal(err)
	}
	locked := fileURL(t)
	openTest(t, locked)
	for name, c := range map[string]struct {
		url  string
		says []string
	}{
		"the file is open elsewhere":   {locked, []string{locked, "another process", "redis://"}},
		"the file is something else":   {"file:" + text, []string{text, "move it away"}},
		"the path is a directory":      {"file:" + t.TempDir(), []string{"directory"}},
		"the parent is a file":         {"file:" + text + "/kv.db", []string{"not a directory"}},
		"there is no Redis at address": {"redis://user:secret@127.0.0.1:1", []string{"127.0.0.1:1", "is the server up"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(t.Context(), c.url)
			wantText(t, err, c.says...)
		})
	}
}

// wantText checks that an error says all of these, and no password.
func wantText(t *testing.T, err error, says ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("got no error")
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("error %q does not say %q", err, s)
		}
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("error %q has the password", err)
	}
}
