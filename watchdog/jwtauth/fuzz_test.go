package jwtauth

import (
	"net/http"
	"testing"
)

// FuzzAuthorization sends changes of a token that is refused because of its
// permissions: whatever the header is, nobody may come through.
func FuzzAuthorization(f *testing.F) {
	r := newRig(f, ecSigner(f, "k1"))
	r.debug = false
	token := r.signer.sign(f, r.good(without("function")))
	f.Add("Bearer " + token)
	f.Add("bearer ..")
	f.Add("Bearer eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, header string) {
		w := r.send(header)
		if w.Code != http.StatusUnauthorized && w.Code != http.StatusForbidden {
			t.Errorf("%q: got %d", header, w.Code)
		}
	})
}
