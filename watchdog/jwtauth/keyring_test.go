package jwtauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func TestRotatedKeyIsFound(t *testing.T) {
	r := newRig(t, ecSigner(t, "k1"))
	old, next := r.signer, ecSigner(t, "k2")
	r.issuer.publish(t, old, next)
	if got := r.sendToken(next.sign(t, r.good())); got != 401 {
		t.Errorf("within the pause after the last refresh: got %d, want 401", got)
	}
	r.clock.advance(refreshPause)
	for name, s := range map[string]signer{"new": next, "old": old} {
		if got := r.sendToken(s.sign(t, r.good())); got != 200 {
			t.Errorf("%s key: got %d, want 200", name, got)
		}
	}
}

func TestUnknownKeysCauseFewRefreshes(t *testing.T) {
	r := newRig(t, ecSigner(t, "k1"))
	unknown := ecSigner(t, "k2").sign(t, r.good())
	for range 100 {
		r.sendToken(unknown)
	}
	if n := r.issuer.fetches(); n != 1 {
		t.Errorf("%d fetches, want the one of the start", n)
	}
	r.clock.advance(refreshPause)
	for range 100 {
		r.sendToken(unknown)
	}
	if n := r.issuer.fetches(); n != 2 {
		t.Errorf("%d fetches after the pause, want 2", n)
	}
}

func TestOldKeysStayWhenTheIssuerIsDown(t *testing.T) {
	for claim, breaks := range map[string]func(*rig){
		"it answers 503":           func(r *rig) { r.issuer.setDown(true) },
		"it does not listen":       func(r *rig) { r.issuer.Close() },
		"it lists no keys":         func(r *rig) { r.issuer.publishRaw() },
		"it lists only other keys": func(r *rig) { r.issuer.publishRaw(map[string]string{"kty": "oct", "k": "c2VjcmV0", "kid": "k1"}) },
	} {
		t.Run(claim, func(t *testing.T) {
			r := newRig(t, ecSigner(t, "k1"))
			breaks(r)
			r.clock.advance(refreshPause)
			if got := r.sendToken(ecSigner(t, "k2").sign(t, r.good())); got != 401 {
				t.Errorf("unknown key: got %d, want 401", got)
			}
			if !strings.Contains(r.log.String(), "the old ones stay in use") {
				t.Errorf("the log does not tell: %s", r.log)
			}
			if got := r.sendToken(r.signer.sign(t, r.good())); got != 200 {
				t.Errorf("old key: got %d, want 200", got)
			}
		})
	}
}

func TestWithdrawnKeyIsRefusedAfterAWhile(t *testing.T) {
	r := newRig(t, ecSigner(t, "k1"))
	token := r.signer.sign(t, r.good())
	if got := r.sendToken(token); got != 200 {
		t.Fatalf("before: got %d", got)
	}
	r.issuer.publish(t, ecSigner(t, "k2"))
	r.clock.advance(refreshPause)
	r.every = time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { r.Run(ctx); close(ended) }()
	for r.sendToken(token) != 401 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	<-ended
}

func TestKnownTokenExpires(t *testing.T) {
	r := newRig(t, ecSigner(t, "k1"))
	token := r.signer.sign(t, r.good())
	for _, want := range []int{200, 200} {
		if got := r.sendToken(token); got != want {
			t.Errorf("got %d, want %d", got, want)
		}
	}
	r.clock.advance(time.Minute + 2*leeway)
	if got := r.sendToken(token); got != 401 {
		t.Errorf("after its expiry: got %d, want 401", got)
	}
}

func TestFewTokensAreRemembered(t *testing.T) {
	v := newVerified()
	for i := range 3 * maxVerified {
		h := tokenHash{byte(i), byte(i >> 8)}
		v.put(h, &claims{})
		if v.get(h) == nil || len(v.claims) > maxVerified {
			t.Fatalf("token %d: %d remembered", i, len(v.claims))
		}
	}
}

// TestConcurrentRequestsShareARefresh has callers with old, new and unknown
// keys, some of which go away, while the issuer's keys change.
func TestConcurrentRequestsShareARefresh(t *testing.T) {
	r := newRig(t, ecSigner(t, "k1"))
	r.debug = false // the log is not for many
	next := ecSigner(t, "k2")
	r.issuer.publish(t, r.signer, next)
	r.clock.advance(refreshPause)
	tokens := map[string]int{
		r.signer.sign(t, r.good()):          200,
		next.sign(t, r.good()):              200,
		ecSigner(t, "k3").sign(t, r.good()): 401,
	}
	h := r.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	var wg sync.WaitGroup
	for range 20 {
		for token, want := range tokens {
			for _, ctx := range []context.Context{t.Context(), gone} {
				wg.Go(func() {
					req := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
					req.Header.Set("Authorization", "Bearer "+token)
					w := httptest.NewRecorder()
					if h.ServeHTTP(w, req); w.Code != want {
						t.Errorf("got %d, want %d", w.Code, want)
					}
				})
			}
		}
	}
	wg.Wait()
	if n := r.issuer.fetches(); n != 2 {
		t.Errorf("%d fetches, want 2: at the start and one for all", n)
	}
}

func curveKey(t *testing.T, curve elliptic.Curve) jose.JSONWebKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return jose.JSONWebKey{Key: key.Public()}
}

func TestParseKeys(t *testing.T) {
	rs := rsaSigner(t, "r", jose.RS256)
	with := func(change func(*jose.JSONWebKey)) any {
		k := rs.public(t)
		change(&k)
		return k
	}
	for claim, c := range map[string]struct {
		key  any
		want int
	}{
		"RSA, for all six":          {rs.public(t), 6},
		"RSA, for one algorithm":    {with(func(k *jose.JSONWebKey) { k.Algorithm = "PS256" }), 1},
		"EC":                        {ecSigner(t, "e").public(t), 1},
		"EC of 384 bits":            {curveKey(t, elliptic.P384()), 1},
		"EC of 521 bits":            {curveKey(t, elliptic.P521()), 1},
		"EC of 224 bits":            {map[string]string{"kty": "EC", "crv": "P-224", "x": "AA", "y": "AA"}, 0},
		"Ed25519":                   {edSigner(t, "d").public(t), 1},
		"without a use":             {with(func(k *jose.JSONWebKey) { k.Use = "" }), 6},
		"for encryption":            {with(func(k *jose.JSONWebKey) { k.Use = "enc" }), 0},
		"RSA, said to be for HMAC":  {with(func(k *jose.JSONWebKey) { k.Algorithm = "HS256" }), 0},
		"RSA, said to be for EC":    {with(func(k *jose.JSONWebKey) { k.Algorithm = "ES256" }), 0},
		"symmetric":                 {map[string]string{"kty": "oct", "k": "c2VjcmV0"}, 0},
		"private":                   {jose.JSONWebKey{Key: rs.key, KeyID: "p"}, 0},
		"RSA of 512 bits":           {map[string]string{"kty": "RSA", "e": "AQAB", "n": strings.Repeat("x", 86)}, 0},
		"of a kind yet to come":     {map[string]string{"kty": "QUANTUM"}, 0},
		"a point not on the curve":  {map[string]string{"kty": "EC", "crv": "P-256", "x": strings.Repeat("A", 43), "y": strings.Repeat("A", 43)}, 0},
		"a key that is no object":   {"key", 0},
		"a key that is nothing":     {nil, 0},
		"an object without members": {map[string]string{}, 0},
	} {
		t.Run(claim, func(t *testing.T) {
			raw, err := json.Marshal(c.key)
			if err != nil {
				t.Fatal(err)
			}
			if got := len(parseKeys([]json.RawMessage{raw})); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}
