package jwtauth

import (
	"regexp"
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	for claim, c := range map[string]struct {
		pattern string
		want    bool
	}{
		"the name itself":            {"dev:env", true},
		"everything":                 {"*", true},
		"the namespace":              {"dev:*", true},
		"any namespace":              {"*:env", true},
		"a beginning":                {"de*", true},
		"an end":                     {"*nv", true},
		"a middle":                   {"d*:*v", true},
		"a star for nothing":         {"dev:env*", true},
		"stars in a row":             {"***", true},
		"one that needs the last e":  {"*env", true},
		"another name":               {"dev:other", false},
		"a part of the name":         {"dev:en", false},
		"more than the name":         {"dev:env2", false},
		"a piece that overlaps":      {"dev:env*env", false},
		"no pattern":                 {"", false},
		"other case":                 {"DEV:*", false},
		"a dot is a dot":             {"dev.env", false},
		"a question mark, as itself": {"dev:en?", false},
		"a star in another place":    {"dev-*:env", false},
	} {
		t.Run(claim, func(t *testing.T) {
			if got := match(c.pattern, "dev:env"); got != c.want {
				t.Errorf("%q: got %v", c.pattern, got)
			}
		})
	}
}

// FuzzMatch compares with the regular expression that a pattern stands for.
func FuzzMatch(f *testing.F) {
	f.Add("dev:*", "dev:env")
	f.Add("a*b*c", "aXbXbc")
	f.Add("*a*", "")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if len(pattern) > 100 {
			return
		}
		quoted := strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, `(?s:.*)`)
		re, err := regexp.Compile(`\A` + quoted + `\z`)
		if err != nil {
			return // not UTF-8
		}
		if got, want := match(pattern, s), re.MatchString(s); got != want {
			t.Errorf("match(%q, %q) = %v, want %v", pattern, s, got, want)
		}
	})
}
