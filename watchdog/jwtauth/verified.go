package jwtauth

import (
	"crypto/sha256"
	"sync"
)

// maxVerified is how many tokens are remembered; a function has few callers.
const maxVerified = 1024

// tokenHash stands for a token, so that none is kept in memory.
type tokenHash [sha256.Size]byte

// verified remembers the claims of tokens with a good signature: callers send
// the same token for hours, and checking a signature takes longer than all
// else that the watchdog does for a request. It belongs to one set of keys and
// is forgotten with it. Whether a token is valid now is not remembered.
type verified struct {
	mu     sync.RWMutex
	claims map[tokenHash]*claims
}

func newVerified() *verified { return &verified{claims: map[tokenHash]*claims{}} }

func (v *verified) get(h tokenHash) *claims {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.claims[h]
}

// put makes room by forgetting all: those still in use soon come again.
func (v *verified) put(h tokenHash, c *claims) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.claims) >= maxVerified {
		clear(v.claims)
	}
	v.claims[h] = c
}
