package jwtauth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// minRSABits is the least size that RFC 7518, section 3.3, allows.
const minRSABits = 2048

// keyID is what a token says about its key. The algorithm is a part of it, so
// that a key is never used with one that it is not for.
type keyID struct{ kid, alg string }

// trust is what the issuer said at one time, its name and its keys, and the
// tokens that were checked with them.
type trust struct {
	issuer   string
	keys     map[keyID]any
	verified *verified
}

// parseKeys takes those keys of a set that signatures can be checked with. As
// RFC 7517, section 5, asks, all others are passed over.
func parseKeys(set []json.RawMessage) map[keyID]any {
	keys := map[keyID]any{}
	for _, raw := range set {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(raw) != nil || !key.Valid() || (key.Use != "" && key.Use != "sig") {
			continue
		}
		for _, alg := range algorithmsOf(key.Key) {
			if key.Algorithm == "" || key.Algorithm == string(alg) {
				keys[keyID{key.KeyID, string(alg)}] = key.Key
			}
		}
	}
	return keys
}

// algorithmsOf are the algorithms for a public key. Symmetric and private keys
// have none: an issuer that publishes one has made a mistake.
func algorithmsOf(key any) []jose.SignatureAlgorithm {
	switch key := key.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() >= minRSABits {
			return rsaAlgorithms()
		}
	case *ecdsa.PublicKey:
		return ecdsaAlgorithms(key.Curve)
	case ed25519.PublicKey:
		return []jose.SignatureAlgorithm{jose.EdDSA}
	}
	return nil
}

func rsaAlgorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512}
}

func ecdsaAlgorithms(curve elliptic.Curve) []jose.SignatureAlgorithm {
	switch curve {
	case elliptic.P256():
		return []jose.SignatureAlgorithm{jose.ES256}
	case elliptic.P384():
		return []jose.SignatureAlgorithm{jose.ES384}
	case elliptic.P521():
		return []jose.SignatureAlgorithm{jose.ES512}
	}
	return nil
}

func allAlgorithms() []jose.SignatureAlgorithm {
	return slices.Concat(rsaAlgorithms(), []jose.SignatureAlgorithm{jose.ES256, jose.ES384, jose.ES512, jose.EdDSA})
}
