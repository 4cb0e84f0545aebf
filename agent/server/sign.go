package server

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// Operations that a URL can be good for.
const (
	opGet = "get"
	opPut = "put"
)

const objectsPath = "/v1/objects/"

// signer makes and checks the URLs of objects that the agent itself serves:
// each is good for one operation on one object for a limited time.
type signer struct {
	secret []byte
	now    func() time.Time
}

var _ snapshot.Presigner = signer{}

// newSigner derives the secret from the operator's token, so that agents that
// share the token accept each other's URLs; without one it is random.
func newSigner(auth httpx.Auth, now func() time.Time) signer {
	if auth.Enabled() {
		// No function has a name with a slash, so this is nobody's token.
		return signer{[]byte(auth.FunctionToken("/object URLs")), now}
	}
	secret := make([]byte, sha256.Size)
	_, _ = rand.Read(secret) // never fails
	return signer{secret, now}
}

// PresignGet implements snapshot.Presigner; the URL is relative to the agent.
func (s signer) PresignGet(_ context.Context, key string, ttl time.Duration) (string, error) {
	return s.url(opGet, key, ttl)
}

// PresignPut implements snapshot.Presigner; the URL is relative to the agent.
func (s signer) PresignPut(_ context.Context, key string, ttl time.Duration) (string, error) {
	return s.url(opPut, key, ttl)
}

func (s signer) url(op, key string, ttl time.Duration) (string, error) {
	if err := snapshot.CheckKey(key); err != nil {
		return "", err
	}
	expires := strconv.FormatInt(s.now().Add(ttl).Unix(), 10)
	query := url.Values{"op": {op}, "exp": {expires}, "sig": {s.signature(op, key, expires)}}
	u := url.URL{Path: objectsPath + key, RawQuery: query.Encode()}
	return u.String(), nil
}

func (s signer) signature(op, key, expires string) string {
	mac := hmac.New(sha256.New, s.secret)
	mac.Write([]byte(op + "\n" + expires + "\n" + key)) // a key has no line breaks
	return hex.EncodeToString(mac.Sum(nil))
}

// check allows op on key if the query says so. What was forged and what was
// never signed look alike.
func (s signer) check(op, key string, query url.Values) error {
	expires := query.Get("exp")
	want := s.signature(op, key, expires)
	if query.Get("op") != op || !hmac.Equal([]byte(query.Get("sig")), []byte(want)) {
		return httpx.Errorf(http.StatusForbidden, "the URL's signature is not good for this object and method")
	}
	seconds, err := strconv.ParseInt(expires, 10, 64)
	if err != nil || s.now().Unix() >= seconds {
		return httpx.Errorf(http.StatusForbidden, "the URL has expired: ask the agent for a new one")
	}
	return nil
}
