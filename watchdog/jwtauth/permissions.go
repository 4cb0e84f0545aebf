package jwtauth

import (
	"slices"
	"strings"
)

// permissions is the claim that says which functions a token is good for. Its
// patterns are compared with NAMESPACE:FUNCTION.
type permissions struct {
	// Permissions are what the caller may invoke.
	Permissions []string `json:"permissions"`
	// Audience narrows them; an empty one does not.
	Audience []string `json:"audience"`
}

func (p permissions) allow(resource string) bool {
	named := func(pattern string) bool { return match(pattern, resource) }
	return slices.ContainsFunc(p.Permissions, named) &&
		(len(p.Audience) == 0 || slices.ContainsFunc(p.Audience, named))
}

// match reports whether all of s is as the pattern says, in which "*" stands
// for any characters, also for none and for the colon.
func match(pattern, s string) bool {
	literal, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return literal == s
	}
	s, found := strings.CutPrefix(s, literal)
	for found {
		literal, rest, wild = strings.Cut(rest, "*")
		if !wild {
			return strings.HasSuffix(s, literal)
		}
		// The first place is as good as any: what follows then has most room.
		_, s, found = strings.Cut(s, literal)
	}
	return false
}
