package jwtauth

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStartWaitsForTheIssuer(t *testing.T) {
	p := newProvider(t, ecSigner(t, "k1"))
	p.setDown(true)
	time.AfterFunc(100*time.Millisecond, func() { p.setDown(false) })
	if _, err := New(t.Context(), Settings{GatewayURL: p.URL + "/", Function: "f", Namespace: "n", StartTimeout: time.Minute}); err != nil {
		t.Error(err)
	}
}

func TestStartFails(t *testing.T) {
	serve := func(body string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
		t.Cleanup(s.Close)
		return s.URL
	}
	none := newProvider(t)
	for claim, c := range map[string]struct {
		gateway, want string
	}{
		"nobody listens":         {"http://127.0.0.1:1", "connection refused"},
		"no OpenID provider":     {none.URL + "/x", "404"},
		"no keys":                {none.URL, "none of its 0 keys"},
		"not JSON":               {serve("<html>"), "not the JSON"},
		"no issuer":              {serve(`{"jwks_uri": "http://h/"}`), "names no issuer"},
		"no place for the keys":  {serve(`{"issuer": "i"}`), `jwks_uri: URL ""`},
		"keys of another scheme": {serve(`{"issuer": "i", "jwks_uri": "file:///etc/passwd"}`), "want http"},
		"a document without end": {serve(`{"issuer": "` + strings.Repeat("i", maxDocument)), "not the JSON"},
		"not a URL":              {"gateway:8080", `gateway: URL "gateway:8080": want http`},
	} {
		t.Run(claim, func(t *testing.T) {
			s := Settings{GatewayURL: c.gateway, Function: "f", Namespace: "n", StartTimeout: 150 * time.Millisecond}
			if _, err := New(t.Context(), s); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	p := newProvider(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := New(ctx, Settings{GatewayURL: p.URL, Function: "f", Namespace: "n", StartTimeout: time.Hour})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestStartNeedsTheFunction(t *testing.T) {
	for _, s := range []Settings{{}, {Function: "f"}, {Namespace: "n"}} {
		if _, err := New(t.Context(), s); err == nil || !strings.Contains(err.Error(), "OPENFAAS_NAME") {
			t.Errorf("%+v: got %v", s, err)
		}
	}
}

func TestReadEnvironment(t *testing.T) {
	file := filepath.Join(t.TempDir(), "namespace")
	empty := filepath.Join(t.TempDir(), "empty")
	for path, content := range map[string]string{file: "from-file\n", empty: "\n"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for claim, c := range map[string]struct {
		given Settings
		env   map[string]string
		want  string // or a part of the error, after "!"
	}{
		"both of the environment":   {Settings{NamespaceFile: file}, map[string]string{"OPENFAAS_NAME": "f", "OPENFAAS_NAMESPACE": "n"}, "n:f"},
		"the namespace of the file": {Settings{NamespaceFile: file}, map[string]string{"OPENFAAS_NAME": "f"}, "from-file:f"},
		"what is set stays":         {Settings{Function: "a", Namespace: "b"}, map[string]string{"OPENFAAS_NAME": "f", "OPENFAAS_NAMESPACE": "n"}, "b:a"},
		"no name":                   {Settings{NamespaceFile: file}, nil, "!OPENFAAS_NAME is not set"},
		"no file":                   {Settings{NamespaceFile: file + "x"}, map[string]string{"OPENFAAS_NAME": "f"}, "!set OPENFAAS_NAMESPACE"},
		"an empty file":             {Settings{NamespaceFile: empty}, map[string]string{"OPENFAAS_NAME": "f"}, "!is empty"},
	} {
		t.Run(claim, func(t *testing.T) {
			s := c.given
			err := s.ReadEnvironment(func(name string) string { return c.env[name] })
			if part, fails := strings.CutPrefix(c.want, "!"); fails {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("got %v, want an error with %q", err, part)
				}
				return
			}
			if diff := cmp.Diff(c.want, s.Namespace+":"+s.Function); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}
