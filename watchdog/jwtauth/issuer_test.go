package jwtauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// signer is a private key with what a token says about it.
type signer struct {
	kid string
	alg jose.SignatureAlgorithm
	key any
}

func ecSigner(tb testing.TB, kid string) signer {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return signer{kid, jose.ES256, key}
}

func rsaSigner(tb testing.TB, kid string, alg jose.SignatureAlgorithm) signer {
	tb.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		tb.Fatal(err)
	}
	return signer{kid, alg, key}
}

func edSigner(tb testing.TB, kid string) signer {
	tb.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return signer{kid, jose.EdDSA, key}
}

// public is what the issuer publishes of the key.
func (s signer) public(tb testing.TB) jose.JSONWebKey {
	tb.Helper()
	key, ok := s.key.(crypto.Signer)
	if !ok {
		tb.Fatalf("%T has no public key", s.key)
	}
	return jose.JSONWebKey{Key: key.Public(), KeyID: s.kid, Use: "sig"}
}

func (s signer) sign(tb testing.TB, claims any) string {
	tb.Helper()
	with := jose.SigningKey{Algorithm: s.alg, Key: jose.JSONWebKey{Key: s.key, KeyID: s.kid}}
	sig, err := jose.NewSigner(with, nil)
	if err != nil {
		tb.Fatal(err)
	}
	token, err := jwt.Signed(sig).Claims(claims).Serialize()
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

// provider is an OpenID provider whose keys can be changed.
type provider struct {
	*httptest.Server

	mu      sync.Mutex
	keys    []any
	down    bool
	fetched int
}

const issuerName = "https://gateway.example.com"

func newProvider(tb testing.TB, signers ...signer) *provider {
	tb.Helper()
	p := &provider{}
	p.publish(tb, signers...)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		p.answer(w, map[string]any{"issuer": issuerName, "jwks_uri": p.URL + "/keys"})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		p.fetched++
		keys := p.keys
		p.mu.Unlock()
		p.answer(w, map[string]any{"keys": keys})
	})
	p.Server = httptest.NewServer(mux)
	tb.Cleanup(p.Close)
	return p
}

func (p *provider) answer(w http.ResponseWriter, v any) {
	if p.isDown() {
		http.Error(w, "starting", http.StatusServiceUnavailable)
		return
	}
	_ = json.NewEncoder(w).Encode(v)
}

func (p *provider) isDown() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.down
}

func (p *provider) setDown(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}

func (p *provider) publish(tb testing.TB, signers ...signer) {
	tb.Helper()
	var keys []any
	for _, s := range signers {
		keys = append(keys, s.public(tb))
	}
	p.publishRaw(keys...)
}

func (p *provider) publishRaw(keys ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = keys
}

func (p *provider) fetches() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fetched
}

// clock is a time that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Unix(1_800_000_000, 0)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
