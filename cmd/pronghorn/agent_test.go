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

	"github.com/spf13/cobra"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// execute runs one command until it ends and returns what it printed.
func execute(ctx context.Context, cmd *cobra.Command, args ...string) (string, error) {
	var out strings.Builder
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(io.Discard)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err := cmd.ExecuteContext(ctx)
	return out.String(), err
}

// startAgent runs the command until the test ends, and returns the URLs of its
// services ("policy agent", "KV service") and a function that stops it and
// returns its error.
func startAgent(t *testing.T, services int, args ...string) (urls map[string]string, stop func() error) {
	t.Helper()
	return startLoggedAgent(t, io.Discard, services, args...)
}

func startLoggedAgent(t *testing.T, log io.Writer, services int, args ...string) (urls map[string]string, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	logs, w := io.Pipe()
	cmd := newAgentCommand()
	cmd.SetArgs(args)
	cmd.SetErr(io.MultiWriter(log, w))
	done := make(chan error, 1)
	go func() {
		err := cmd.ExecuteContext(ctx)
		_ = w.CloseWithError(io.EOF)
		done <- err
	}()
	urls = map[string]string{}
	line := regexp.MustCompile(`msg="(.+) is listening" addr=(\S+)`)
	lines := bufio.NewScanner(logs)
	for len(urls) < services && lines.Scan() {
		if m := line.FindStringSubmatch(lines.Text()); m != nil {
			urls[m[1]] = "http://" + m[2]
		}
	}
	go func() { _, _ = io.Copy(io.Discard, logs) }()
	if len(urls) < services {
		t.Fatalf("the agent did not start: %v", <-done)
	}
	return urls, func() error { cancel(); return <-done }
}

func inTempDir(t *testing.T, args ...string) []string {
	dir := t.TempDir()
	return append([]string{"--listen", "127.0.0.1:0", "--store", "file:" + filepath.Join(dir, "kv.db"), "--pool", "dir:" + filepath.Join(dir, "pool")}, args...)
}

func plan(t *testing.T, url, token string) (agent.Plan, error) {
	t.Helper()
	c, err := agent.NewClient(url, token, "bfs")
	if err != nil {
		t.Fatal(err)
	}
	return c.Start(t.Context(), agent.StartRequest{Lifetime: "life", Platform: "p", Runtime: "pypy"})
}

// Both services in one process, which is the local form; then a second agent
// that has the first one's KV service as its store.
func TestAgentWithItsKVService(t *testing.T) {
	urls, stop := startAgent(t, 2, inTempDir(t, "--kv-listen", "127.0.0.1:0", "--strategy", "cold", "--seed", "7")...)
	p, err := plan(t, urls["policy agent"], "")
	if err != nil || p.KVURL != urls["KV service"] || p.Strategy != "cold" {
		t.Errorf("got the plan %+v, %v; want strategy cold and KV %s", p, err, urls["KV service"])
	}
	kv, err := kvstore.NewClient(urls["KV service"], "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Functions(t.Context()); err != nil {
		t.Errorf("the KV service: %v", err)
	}

	second, stopSecond := startAgent(t, 1, inTempDir(t, "--store", urls["KV service"])...)
	if p, err := plan(t, second["policy agent"], ""); err != nil || p.KVURL != urls["KV service"] {
		t.Errorf("the second agent: %+v, %v", p, err)
	}
	for _, stop := range []func() error{stopSecond, stop} {
		if err := stop(); err != nil {
			t.Errorf("an orderly end reports %v", err)
		}
	}
}

func TestAgentTakesItsOptionsFromTheEnvironment(t *testing.T) {
	file := writeToken(t, "operator")
	t.Setenv("PRONGHORN_TOKEN_FILE", file)
	t.Setenv("PRONGHORN_STRATEGY", "fixed&request_to_checkpoint=3")
	t.Setenv("PRONGHORN_KV_URL", "http://kv:5000")
	urls, _ := startAgent(t, 1, inTempDir(t)...)
	if _, err := plan(t, urls["policy agent"], ""); httpx.StatusOf(err) != 401 {
		t.Errorf("without a token: %v", err)
	}
	token, err := execute(t.Context(), newTokenCommand(), "bfs")
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan(t, urls["policy agent"], strings.TrimSpace(token))
	if err != nil || p.CheckpointAt != 3 || p.KVURL != "http://kv:5000" {
		t.Errorf("got %+v, %v", p, err)
	}
}

func writeToken(t *testing.T, token string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestAgentRefusesWrongUsage(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"an argument":                {[]string{"now"}, "now"},
		"an address without port":    {[]string{"--listen", "localhost"}, `--listen "localhost": want HOST:PORT`},
		"everybody, without token":   {[]string{"--listen", "0.0.0.0:0"}, "--token-file"},
		"everybody at the KV":        {[]string{"--kv-listen", "0.0.0.0:0"}, "--kv-listen"},
		"a KV that nobody can reach": {[]string{"--kv-listen", "0.0.0.0:0", "--token-file", writeToken(t, "x")}, "--kv-url"},
		"an unknown store":           {[]string{"--store", "etcd://host"}, "--store"},
		"a bad KV service":           {[]string{"--store", "http://"}, "--store"},
		"an unknown pool":            {[]string{"--pool", "ftp://host"}, "--pool"},
		"an unknown strategy":        {[]string{"--strategy", "hot"}, "--strategy"},
		"a bad seed":                 {[]string{"--seed", "-1"}, "--seed"},
		"a bad lease":                {[]string{"--lease", "2"}, "--lease"},
		"a lease too short":          {[]string{"--lease", "1s"}, "lease 1s"},
		"URLs for ever":              {[]string{"--url-ttl", "48h"}, "URL lifetime"},
		"a bad KV URL":               {[]string{"--kv-url", "kv:5000"}, "--kv-url"},
		"a token file not there":     {[]string{"--token-file", "/not/there"}, "/not/there"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			dir := t.TempDir()
			args := append([]string{"--listen", "127.0.0.1:0", "--store", "file:" + filepath.Join(dir, "kv.db"), "--pool", "dir:" + filepath.Join(dir, "pool")}, c.args...)
			_, err := execute(ctx, newAgentCommand(), args...)
			var usage usageError
			if !errors.As(err, &usage) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want a usage error with %q in it", err, c.says)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func TestAgentStartsWholeOrNotAtAll(t *testing.T) {
	addr, kv := freeAddr(t), freeAddr(t)
	_, err := execute(t.Context(), newAgentCommand(), "--listen", addr, "--kv-listen", kv, "--store", "redis://127.0.0.1:1")
	if !errors.Is(err, kvstore.ErrUnavailable) {
		t.Errorf("got %v, want that the store is not there", err)
	}
	for _, a := range []string{addr, kv} {
		if conn, err := net.Dial("tcp", a); err == nil {
			_ = conn.Close()
			t.Errorf("%s is still listened on", a)
		}
	}
}

func TestTokenIsThatOfTheFunction(t *testing.T) {
	file := writeToken(t, "operator")
	want := httpx.NewAuth("operator").FunctionToken("bfs")
	for output, want := range map[string]string{"text": want + "\n", "json": `{"function":"bfs","token":"` + want + `"}` + "\n"} {
		got, err := execute(t.Context(), newTokenCommand(), "bfs", "--token-file", file, "-o", output)
		if err != nil || got != want {
			t.Errorf("%s: got %q, %v; want %q", output, got, err, want)
		}
	}
	for name, args := range map[string][]string{
		"no function":         {"--token-file", file},
		"two functions":       {"bfs", "dfs", "--token-file", file},
		"a bad function":      {"../bfs", "--token-file", file},
		"no operator's token": {"bfs"},
		"an unknown output":   {"bfs", "--token-file", file, "-o", "yaml"},
	} {
		var usage usageError
		if out, err := execute(t.Context(), newTokenCommand(), args...); !errors.As(err, &usage) {
			t.Errorf("%s: got %q, %v; want a usage error", name, out, err)
		}
	}
}
