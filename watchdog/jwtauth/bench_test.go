package jwtauth

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// BenchmarkValidRequest is a request with a token that is seen for the first
// time, for each kind of key, and one with a token that was seen before.
func BenchmarkValidRequest(b *testing.B) {
	es := ecSigner(b, "k1")
	for name, c := range map[string]struct {
		signer signer
		first  bool
	}{
		"first/ES256": {es, true},
		"first/RS256": {rsaSigner(b, "k1", jose.RS256), true},
		"first/EdDSA": {edSigner(b, "k1"), true},
		"again":       {es, false},
	} {
		b.Run(name, func(b *testing.B) { benchmarkRequest(b, c.signer, c.first) })
	}
}

func benchmarkRequest(b *testing.B, s signer, first bool) {
	r := newRig(b, s)
	h := r.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	req.Header.Set("Authorization", "Bearer "+s.sign(b, r.good()))
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		if first {
			clear(r.keys.current.Load().verified.claims)
		}
		h.ServeHTTP(w, req)
	}
	if w.Code != http.StatusOK {
		b.Fatalf("got %d", w.Code)
	}
}
