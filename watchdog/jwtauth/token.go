package jwtauth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
)

// leeway is by how much the issuer's clock and ours may differ when exp and nbf
// are checked.
const leeway = 5 * time.Second

// The errors below are all that is ever said of a token: none of them repeats
// a part of it, since they end up in logs.
var (
	errMalformed = errors.New("the token is not a JWT signed with RS, PS or ES 256 to 512 or EdDSA")
	errUnknown   = errors.New("the issuer has no key with the token's kid and alg")
	errSignature = errors.New("the token's signature or form of claims is wrong")
	errEndless   = errors.New("the token has no exp claim")
)

// claims are those of the token's claims that count here.
type claims struct {
	jwt.Claims
	Function permissions `json:"function"`
}

// verify returns the claims of a token that the issuer has signed for its own
// audience and that is valid now.
func (a *Authenticator) verify(ctx context.Context, token string) (*claims, error) {
	hash := tokenHash(sha256.Sum256([]byte(token)))
	t := a.keys.current.Load()
	c := t.verified.get(hash)
	if c == nil {
		var err error
		if t, c, err = a.checkSignature(ctx, token); err != nil {
			return nil, err
		}
		t.verified.put(hash, c)
	}
	if err := a.valid(c.Claims, t.issuer); err != nil {
		return nil, err
	}
	return c, nil
}

// checkSignature returns what the token says, and whose keys vouch for it.
func (a *Authenticator) checkSignature(ctx context.Context, token string) (*trust, *claims, error) {
	parsed, err := jwt.ParseSigned(token, a.algorithms)
	if err != nil {
		return nil, nil, errMalformed
	}
	id := keyID{kid: parsed.Headers[0].KeyID, alg: parsed.Headers[0].Algorithm}
	t := a.keys.find(ctx, id)
	if t.keys[id] == nil {
		return nil, nil, errUnknown
	}
	c := &claims{}
	if err := parsed.Claims(t.keys[id], c); err != nil {
		return nil, nil, errSignature
	}
	return t, c, nil
}

// valid checks who issued the token, for whom, and when.
func (a *Authenticator) valid(c jwt.Claims, issuer string) error {
	if c.Expiry == nil {
		return errEndless
	}
	// When a token was issued says nothing about its validity; nbf does.
	c.IssuedAt = nil
	expected := jwt.Expected{Issuer: issuer, AnyAudience: jwt.Audience{issuer}, Time: a.now()}
	if err := c.ValidateWithLeeway(expected, leeway); err != nil {
		return fmt.Errorf("the token's claims are refused: %w", err)
	}
	return nil
}
