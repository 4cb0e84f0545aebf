package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// startKV runs the command until the test ends, and returns the service's URL
// and a function that stops it and returns its error.
func startKV(t *testing.T, args ...string) (url string, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	logs, w := io.Pipe()
	cmd := newKVCommand()
	cmd.SetArgs(args)
	cmd.SetErr(w)
	done := make(chan error, 1)
	go func() {
		err := cmd.ExecuteContext(ctx)
		_ = w.CloseWithError(io.EOF)
		done <- err
	}()
	line, err := bufio.NewReader(logs).ReadString('\n')
	go func() { _, _ = io.Copy(io.Discard, logs) }()
	m := regexp.MustCompile(`addr=(\S+)`).FindStringSubmatch(line)
	if err != nil || m == nil {
		cancel()
		t.Fatalf("the service did not say where it listens: %q, %v", line, <-done)
	}
	t.Cleanup(cancel)
	return "http://" + m[1], func() error { cancel(); return <-done }
}

func TestKVServesAndKeepsItsState(t *testing.T) {
	store := "file:" + filepath.Join(t.TempDir(), "state", "kv.db")
	t.Setenv("PRONGHORN_LISTEN", "127.0.0.1:0")
	t.Setenv("PRONGHORN_STORE", "redis://127.0.0.1:1") // the flag wins
	for round := range 2 {
		url, stop := startKV(t, "--store", store)
		c, err := kvstore.NewClient(url, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.AddEntry(t.Context(), "f", kvstore.Entry{ID: string(rune('a' + round))}); err != nil {
			t.Fatal(err)
		}
		st, err := c.State(t.Context(), "f")
		if err != nil || len(st.Pool) != round+1 {
			t.Errorf("round %d: got %d entries (%v), want %d", round, len(st.Pool), err, round+1)
		}
		if err := stop(); err != nil {
			t.Errorf("an orderly end reports %v", err)
		}
	}
}

func TestKVAsksForItsToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("operator\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PRONGHORN_TOKEN_FILE", file)
	url, _ := startKV(t, "--listen", "127.0.0.1:0", "--store", "file:"+filepath.Join(t.TempDir(), "kv.db"))
	for token, want := range map[string]bool{"operator": true, "": false, "other": false} {
		c, err := kvstore.NewClient(url, token)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Functions(t.Context()); (err == nil) != want {
			t.Errorf("with token %q: got %v", token, err)
		}
	}
}

func TestKVRefusesWrongUsage(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"an argument":              {[]string{"now"}, "now"},
		"an unknown flag":          {[]string{"--stor", "x"}, "--stor"},
		"an address without port":  {[]string{"--listen", "localhost"}, `"localhost": want HOST:PORT`},
		"everybody, without token": {[]string{"--listen", "0.0.0.0:0"}, "--token-file"},
		"an unknown store":         {[]string{"--store", "etcd://host"}, `"etcd": want file:PATH or redis://`},
		"a token file not there":   {[]string{"--token-file", empty + ".not"}, "empty.not"},
		"an empty token file":      {[]string{"--token-file", empty}, "is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			var stderr strings.Builder
			args := append([]string{"kv", "--listen", "127.0.0.1:0", "--store", "file:" + filepath.Join(t.TempDir(), "kv.db")}, c.args...)
			if code := run(ctx, args, nil, io.Discard, &stderr); code != exitUsage || !strings.Contains(stderr.String(), c.says) {
				t.Errorf("got exit code %d and %q, want %d and %q in it", code, stderr.String(), exitUsage, c.says)
			}
		})
	}
}

func TestKVStartsWholeOrNotAtAll(t *testing.T) {
	addr := freeAddr(t)
	cmd := newKVCommand()
	cmd.SetArgs([]string{"--listen", addr, "--store", "redis://127.0.0.1:1"})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err := cmd.ExecuteContext(t.Context())
	if !errors.Is(err, kvstore.ErrUnavailable) {
		t.Errorf("got %v, want that the store is not there", err)
	}
	if conn, err := net.Dial("tcp", addr); err == nil {
		_ = conn.Close()
		t.Errorf("%s is still listened on", addr)
	}
}

func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func TestKVHelpNamesTheEnvironmentButNotItsValues(t *testing.T) {
	t.Setenv("PRONGHORN_STORE", "redis://user:secret@host:6379")
	var out strings.Builder
	if code := run(t.Context(), []string{"kv", "--help"}, nil, &out, io.Discard); code != exitDone {
		t.Fatalf("exit code %d", code)
	}
	for _, want := range []string{"$PRONGHORN_LISTEN", "$PRONGHORN_STORE", "$PRONGHORN_TOKEN_FILE", "file:pronghorn-kv.db"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the help does not say %s:\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "secret") {
		t.Errorf("the help shows a password:\n%s", &out)
	}
}
