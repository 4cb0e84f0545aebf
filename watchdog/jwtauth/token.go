package jwtauth

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4/jwt"
)

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
	t, err := jwt.ParseSigned(token, a.algorithms)
	if err != nil {
		return nil, errMalformed
	}
	id := keyID{kid: t.Headers[0].KeyID, alg: t.Headers[0].Algorithm}
	issuer, key := a.keys.find(ctx, id)
	if key == nil {
		return nil, errUnknown
	}
	var c claims
	if err := t.Claims(key, &c); err != nil {
		return nil, errSignature
	}
	return &c, a.valid(c.Claims, issuer)
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
