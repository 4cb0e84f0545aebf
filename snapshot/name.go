package snapshot

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxName is the longest name of a function, snapshot, lifetime, platform
	// or image file, in bytes; it is the KV service's limit too.
	maxName = 128
	// maxKey and maxSegment are the longest key and the longest part of one
	// between slashes, in bytes: what S3 and file systems take.
	maxKey     = 1024
	maxSegment = 255
)

// validName reports whether s is safe in paths, keys and URLs: 1 to 128
// letters, digits, '.', '_' or '-', not starting with a '.'.
func validName(s string) bool {
	return s != "" && len(s) <= maxName && s[0] != '.' && strings.IndexFunc(s, notInName) < 0
}

func notInName(c rune) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return false
	}
	return c != '.' && c != '_' && c != '-'
}

func checkName(what, s string) error {
	if validName(s) {
		return nil
	}
	return fmt.Errorf("%s %q: want 1 to %d letters, digits, '.', '_', '-', not starting with '.'", what, s, maxName)
}

// CheckKey reports why key cannot name an object of a Pool. A key is at most
// 1024 bytes of UTF-8 without control characters or backslashes, in one or more
// parts between slashes; a part is 1 to 255 bytes long and does not start with
// a '.', so that no key leaves the pool or meets a pool's own files.
func CheckKey(key string) error {
	if len(key) > maxKey || !utf8.ValidString(key) || strings.IndexFunc(key, notInKey) >= 0 {
		return fmt.Errorf("object key %q: want at most %d bytes of UTF-8 without control characters or backslashes", key, maxKey)
	}
	for part := range strings.SplitSeq(key, "/") {
		if part == "" || len(part) > maxSegment || part[0] == '.' {
			return fmt.Errorf("object key %q: the part %q: want 1 to %d bytes, not starting with '.'", key, part, maxSegment)
		}
	}
	return nil
}

func notInKey(c rune) bool { return unicode.IsControl(c) || c == '\\' }
