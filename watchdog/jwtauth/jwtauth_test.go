package jwtauth

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

// rig is an Authenticator for the function dev:env with its issuer.
type rig struct {
	*Authenticator
	issuer *provider
	clock  *clock
	signer signer
	log    *bytes.Buffer
}

func newRig(tb testing.TB, s signer) *rig {
	tb.Helper()
	r := &rig{issuer: newProvider(tb, s), clock: newClock(), signer: s, log: &bytes.Buffer{}}
	var err error
	r.Authenticator, err = New(tb.Context(), r.settings())
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func (r *rig) settings() Settings {
	return Settings{GatewayURL: r.issuer.URL, Function: "env", Namespace: "dev", Debug: true,
		Now: r.clock.Now, Log: slog.New(slog.NewTextHandler(r.log, nil))}
}

// good are the claims of a token that is accepted, changed by change.
func (r *rig) good(change ...func(map[string]any)) map[string]any {
	now := r.clock.Now().Unix()
	c := map[string]any{
		"iss": issuerName, "aud": issuerName, "sub": "fed:1", "iat": now, "exp": now + 60,
		"function": map[string]any{"permissions": []string{"dev:env"}},
	}
	for _, f := range change {
		f(c)
	}
	return c
}

// send returns the answer to a request with the given Authorization headers.
func (r *rig) send(authorization ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodPost, "/path?q=secret-query", nil)
	req.Header["Authorization"] = authorization
	req.Header.Set("X-Auth-Seconds", "forged")
	w := httptest.NewRecorder()
	r.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("seconds " + r.Header.Get("X-Auth-Seconds")))
	})).ServeHTTP(w, req)
	return w
}

func (r *rig) sendToken(token string) int { return r.send("Bearer " + token).Code }

func set(name string, value any) func(map[string]any) {
	return func(c map[string]any) { c[name] = value }
}

func without(name string) func(map[string]any) {
	return func(c map[string]any) { delete(c, name) }
}

func function(permissions any, audience ...string) func(map[string]any) {
	return set("function", map[string]any{"permissions": permissions, "audience": audience})
}

func TestClaims(t *testing.T) {
	r := newRig(t, ecSigner(t, "k1"))
	now := r.clock.Now().Unix()
	for claim, c := range map[string]struct {
		change func(map[string]any)
		status int
	}{
		"a token for the function":           {without(""), 200},
		"a permission for the namespace":     {function([]string{"dev:*"}), 200},
		"a permission for everything":        {function([]string{"*"}), 200},
		"one permission of several":          {function([]string{"prod:*", "*:env"}), 200},
		"another function":                   {function([]string{"dev:other"}), 403},
		"another namespace":                  {function([]string{"prod:env"}), 403},
		"the beginning of the name":          {function([]string{"dev:en"}), 403},
		"no permissions":                     {function([]string{}), 403},
		"no function claim":                  {without("function"), 403},
		"an audience with the function":      {function([]string{"*"}, "prod:x", "dev:e*"), 200},
		"an audience without the function":   {function([]string{"*"}, "prod:*"), 403},
		"permissions that are not a list":    {function("dev:env"), 401},
		"one audience of several":            {set("aud", []string{"https://other", issuerName}), 200},
		"another audience":                   {set("aud", "https://other"), 401},
		"no audience":                        {without("aud"), 401},
		"another issuer":                     {set("iss", "https://other"), 401},
		"no issuer":                          {without("iss"), 401},
		"expired":                            {set("exp", now-60), 401},
		"expired within the leeway":          {set("exp", now-3), 200},
		"no expiry":                          {without("exp"), 401},
		"an expiry that is null":             {set("exp", nil), 401},
		"an expiry that is no number":        {set("exp", "tomorrow"), 401},
		"an expiry beyond all numbers":       {set("exp", 1e300), 401},
		"not yet valid":                      {set("nbf", now+60), 401},
		"not yet valid, within the leeway":   {set("nbf", now+3), 200},
		"valid since a while":                {set("nbf", now-60), 200},
		"issued by a clock that is in front": {set("iat", now+60), 200},
	} {
		t.Run(claim, func(t *testing.T) {
			got := r.sendToken(r.signer.sign(t, r.good(c.change)))
			if got != c.status {
				t.Errorf("got %d, want %d; log: %s", got, c.status, r.log)
			}
		})
	}
}

func TestAlgorithms(t *testing.T) {
	shared := rsaSigner(t, "k1", jose.RS256)
	for claim, s := range map[string]signer{
		"RS256": shared,
		"PS256": {"k1", jose.PS256, shared.key},
		"ES256": ecSigner(t, "k1"),
		"EdDSA": edSigner(t, "k1"),
		"a key without an id, for a token without": {"", jose.RS512, shared.key},
	} {
		t.Run(claim, func(t *testing.T) {
			r := newRig(t, s)
			if got := r.sendToken(s.sign(t, r.good())); got != 200 {
				t.Errorf("got %d; log: %s", got, r.log)
			}
		})
	}
}

// publicPEM is what a confused verifier takes as the secret of an HMAC.
func publicPEM(t *testing.T, s signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(s.public(t).Key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func encode(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

func TestForgeries(t *testing.T) {
	s := rsaSigner(t, "k1", jose.RS256)
	r := newRig(t, s)
	parts := strings.Split(s.sign(t, r.good()), ".")
	inOwnKey, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: ecSigner(t, "k1").key}, &jose.SignerOptions{EmbedJWK: true})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(r.good())
	if err != nil {
		t.Fatal(err)
	}
	embedded, err := inOwnKey.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := embedded.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	none := encode(t, map[string]string{"alg": "none", "kid": "k1"})
	for claim, token := range map[string]string{
		"alg none, no signature":              none + "." + parts[1] + ".",
		"alg none, the signature kept":        none + "." + parts[1] + "." + parts[2],
		"alg in capitals":                     encode(t, map[string]string{"alg": "NONE", "kid": "k1"}) + "." + parts[1] + ".",
		"HS256 with the public key as secret": signer{"k1", jose.HS256, publicPEM(t, s)}.sign(t, r.good()),
		"another key under the same id":       rsaSigner(t, "k1", jose.RS256).sign(t, r.good()),
		"another kind of key, same id":        ecSigner(t, "k1").sign(t, r.good()),
		"an id that is not known":             signer{"k2", jose.RS256, s.key}.sign(t, r.good()),
		"no id":                               signer{"", jose.RS256, s.key}.sign(t, r.good()),
		"the key in the token":                compact,
		"changed claims":                      parts[0] + "." + encode(t, r.good(set("exp", r.clock.Now().Unix()+9999))) + "." + parts[2],
		"no signature":                        parts[0] + "." + parts[1] + ".",
		"a critical header of unknown meaning": encode(t, map[string]any{"alg": "RS256", "kid": "k1", "crit": []string{"x"}, "x": 1}) + "." +
			parts[1] + "." + parts[2],
	} {
		t.Run(claim, func(t *testing.T) {
			if got := r.sendToken(token); got != 401 {
				t.Errorf("got %d, want 401", got)
			}
		})
	}
}

func TestAuthorizationHeader(t *testing.T) {
	r := newRig(t, ecSigner(t, "k1"))
	token := r.signer.sign(t, r.good())
	for claim, c := range map[string]struct {
		headers []string
		status  int
	}{
		"as it should be":     {[]string{"Bearer " + token}, 200},
		"in lower case":       {[]string{"bearer " + token}, 200},
		"with more spaces":    {[]string{"BEARER  " + token + " "}, 200},
		"missing":             {nil, 401},
		"empty":               {[]string{""}, 401},
		"scheme only":         {[]string{"Bearer"}, 401},
		"scheme and space":    {[]string{"Bearer "}, 401},
		"token only":          {[]string{token}, 401},
		"another scheme":      {[]string{"Basic " + token}, 401},
		"twice":               {[]string{"Bearer " + token, "Bearer " + token}, 401},
		"half a token":        {[]string{"Bearer " + token[:len(token)/2]}, 401},
		"two tokens":          {[]string{"Bearer " + token + " " + token}, 401},
		"dots":                {[]string{"Bearer .."}, 401},
		"five parts":          {[]string{"Bearer a.b.c.d.e"}, 401},
		"JSON":                {[]string{`Bearer {"payload":"","signatures":[]}`}, 401},
		"header is not JSON":  {[]string{"Bearer YQ.YQ.YQ"}, 401},
		"a megabyte of it":    {[]string{"Bearer " + strings.Repeat("a", 1<<20)}, 401},
		"a megabyte and dots": {[]string{"Bearer " + strings.Repeat(".", 1<<20)}, 401},
	} {
		t.Run(claim, func(t *testing.T) {
			if got := r.send(c.headers...).Code; got != c.status {
				t.Errorf("got %d, want %d", got, c.status)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	r := newRig(t, ecSigner(t, "k1"))
	type answer struct {
		Status              int
		Body                string
		Challenge, Internal string
	}
	for claim, c := range map[string]struct {
		header string
		want   answer
	}{
		"accepted":  {"Bearer " + r.signer.sign(t, r.good()), answer{200, "seconds 0.000000", "", ""}},
		"no token":  {"", answer{401, "a valid token is required\n", "Bearer realm=IAM function invoke", "faas-middleware"}},
		"forbidden": {"Bearer " + r.signer.sign(t, r.good(without("function"))), answer{403, "insufficient permissions\n", "", "faas-middleware"}},
	} {
		t.Run(claim, func(t *testing.T) {
			w := r.send(c.header)
			got := answer{w.Code, w.Body.String(), w.Header().Get("WWW-Authenticate"), w.Header().Get("X-OpenFaaS-Internal")}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAuthSecondsIsTheTimeOfTheCheck(t *testing.T) {
	r := newRig(t, ecSigner(t, "k1"))
	r.now = func() time.Time { r.clock.advance(time.Second); return r.clock.Now() }
	got := r.send("Bearer " + r.signer.sign(t, r.good())).Body.String()
	if !regexp.MustCompile(`^seconds [1-9]\.000000$`).MatchString(got) {
		t.Errorf("got %q, want whole seconds of the check", got)
	}
}

func TestTokensAreNeverLogged(t *testing.T) {
	r := newRig(t, ecSigner(t, "k1"))
	stranger := ecSigner(t, "k2")
	for _, token := range []string{
		r.signer.sign(t, r.good(without("exp"))), r.signer.sign(t, r.good(function([]string{"prod:x"}))),
		r.signer.sign(t, r.good(set("exp", "secretclaim"))), stranger.sign(t, r.good()), "secretclaim", "a.secretclaim.b",
	} {
		if status := r.sendToken(token); status == 200 {
			t.Fatal("a bad token was accepted")
		}
		for _, part := range append(strings.Split(token, "."), "secret") {
			if len(part) > 1 && strings.Contains(r.log.String(), part) {
				t.Errorf("the log has %q: %s", part, r.log)
			}
		}
	}
	if n := strings.Count(r.log.String(), "request refused"); n != 6 {
		t.Errorf("%d refusals logged, want 6", n)
	}
}

func TestRefusalsAreLoggedForDebuggingOnly(t *testing.T) {
	r := newRig(t, ecSigner(t, "k1"))
	r.debug = false
	if r.sendToken("x"); r.log.Len() != 0 {
		t.Errorf("got log %s", r.log)
	}
}
