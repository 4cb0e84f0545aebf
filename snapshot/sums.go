package snapshot

import (
	"crypto/sha256"
	"encoding/hex"
)

func sha256Hex(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// validSHA256 reports whether s is a SHA-256 in lower-case hex. (A salt has the
// same form.)
func validSHA256(s string) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == sha256.Size && hex.EncodeToString(raw) == s
}
