package conformance_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const issuerName = "https://gateway.example"

// issuer signs tokens. Its directory holds what it publishes.
type issuer struct {
	dir string
	key jose.JSONWebKey
}

func newIssuer(t *testing.T) issuer {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := issuer{dir: t.TempDir(), key: jose.JSONWebKey{Key: private, KeyID: "k1", Algorithm: string(jose.ES256), Use: "sig"}}
	i.publish(t, ".well-known/openid-configuration", map[string]string{"issuer": issuerName, "jwks_uri": "http://127.0.0.1:8000/keys"})
	i.publish(t, "keys", jose.JSONWebKeySet{Keys: []jose.JSONWebKey{i.key.Public()}})
	return i
}

func (i issuer) publish(t *testing.T, name string, document any) {
	t.Helper()
	raw, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(i.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

// bearer is the header of a request with a token for the function ns:fn, whose
// claims are changed.
func (i issuer) bearer(t *testing.T, change map[string]any) map[string]string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: i.key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]any{
		"iss": issuerName, "aud": issuerName, "sub": "user", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
		"function": map[string]any{"permissions": []string{"ns:fn"}},
	}
	for name, value := range change {
		claims[name] = value
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"Authorization": "Bearer " + token}
}

func allowed(permissions ...string) map[string]any {
	return map[string]any{"function": map[string]any{"permissions": permissions}}
}

func TestTokensAreAskedFor(t *testing.T) {
	t.Parallel()
	i, other := newIssuer(t), newIssuer(t)
	w := launch(t, spec{supervised: true, issuer: i.dir, env: env{
		"jwt_auth": "true", "jwt_auth_local": "true", "OPENFAAS_NAME": "fn", "OPENFAAS_NAMESPACE": "ns", "ready_path": "/ready",
	}})
	w.awaitHealth()
	const path = "/status?code=200"
	refused := answer{Status: 401, Body: "a valid token is required\n", Header: map[string]string{"WWW-Authenticate": "Bearer realm=IAM function invoke", "X-OpenFaaS-Internal": "faas-middleware"}}
	forbidden := answer{Status: 403, Body: "insufficient permissions\n", Header: map[string]string{"WWW-Authenticate": "", "X-OpenFaaS-Internal": "faas-middleware"}}
	for claim, tc := range map[string]struct {
		request request
		want    answer
	}{
		"a token for the function is good":           {request{path: path, header: i.bearer(t, nil)}, answer{Status: 200}},
		"so is one for all of its namespace":         {request{path: path, header: i.bearer(t, allowed("other:*", "ns:*"))}, answer{Status: 200}},
		"and one for everything":                     {request{path: path, header: i.bearer(t, allowed("*"))}, answer{Status: 200}},
		"an audience may narrow it":                  {request{path: path, header: i.bearer(t, map[string]any{"function": map[string]any{"permissions": []string{"*"}, "audience": []string{"ns:other"}}})}, forbidden},
		"one for another function is not":            {request{path: path, header: i.bearer(t, allowed("ns:other"))}, forbidden},
		"nor one for another namespace":              {request{path: path, header: i.bearer(t, allowed("other:fn"))}, forbidden},
		"no token is refused":                        {request{path: path}, refused},
		"so is what is no token":                     {request{path: path, header: map[string]string{"Authorization": "Bearer nonsense"}}, refused},
		"another scheme":                             {request{path: path, header: map[string]string{"Authorization": "Basic dTpw"}}, refused},
		"an expired token":                           {request{path: path, header: i.bearer(t, map[string]any{"exp": time.Now().Add(-time.Minute).Unix()})}, refused},
		"a token of somebody else":                   {request{path: path, header: other.bearer(t, nil)}, refused},
		"a token that names another issuer":          {request{path: path, header: i.bearer(t, map[string]any{"iss": "https://other"})}, refused},
		"a token for another audience than itself":   {request{path: path, header: i.bearer(t, map[string]any{"aud": "https://other"})}, refused},
		"readiness is asked of the function without": {request{path: "/_/ready"}, answer{Status: 203, Body: "127.0.0.1:5000"}},
		"health is open":                             {request{path: "/_/health"}, answer{Status: 200, Body: "OK"}},
	} {
		t.Run(claim, func(t *testing.T) {
			got := w.send(tc.request)
			if isUpstream() {
				tc.want.Body = got.Body // whose words are nobody's contract
			}
			check(t, got, tc.want)
		})
	}
	t.Run("the function is told how long it took", func(t *testing.T) {
		header := i.bearer(t, nil)
		header["X-Auth-Seconds"] = "forged"
		got := w.arrived(t, request{header: header})
		if seconds := got.Header.Get("X-Auth-Seconds"); seconds == "" || seconds == "forged" {
			t.Errorf("X-Auth-Seconds is %q", seconds)
		}
	})
}

func TestWithoutJWTAuthTokensAreTheFunctionsOwn(t *testing.T) {
	t.Parallel()
	w := start(t, env{"OPENFAAS_NAME": "fn", "OPENFAAS_NAMESPACE": "ns"})
	got := w.arrived(t, request{header: map[string]string{"Authorization": "Bearer mine"}})
	if got.Header.Get("Authorization") != "Bearer mine" || got.Header.Get("X-Auth-Seconds") != "" {
		t.Errorf("the function got %v", got.Header)
	}
}
