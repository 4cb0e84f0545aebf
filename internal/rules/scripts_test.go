package rules_test

import (
	"regexp"
	"strings"
	"testing"
)

// TestScriptsReadPipesToTheEnd: a reader that stops early, as grep -q and head
// do, ends the writer before it with SIGPIPE, now and then; under pipefail the
// pipe has then failed though what was looked for is there.
func TestScriptsReadPipesToTheEnd(t *testing.T) {
	early := regexp.MustCompile(`\|\s*(grep\s+-\w*q|head\b)`)
	eachFile(t, ".sh", func(path, text string) {
		for i, line := range strings.Split(text, "\n") {
			if early.MatchString(line) {
				t.Errorf("%s:%d: %s: read from a variable (<<<) instead", path, i+1, strings.TrimSpace(line))
			}
		}
	})
}
