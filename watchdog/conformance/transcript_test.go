package conformance_test

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// transcript is what a program has printed so far.
type transcript struct {
	mu    sync.Mutex
	text  bytes.Buffer
	grown chan struct{} // closed at the next Write
}

// Write adds to the transcript.
func (l *transcript) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.grown != nil {
		close(l.grown)
		l.grown = nil
	}
	return l.text.Write(p)
}

func (l *transcript) String() string {
	text, _ := l.look()
	return text
}

// look returns the text and a channel that is closed when there is more.
func (l *transcript) look() (string, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.grown == nil {
		l.grown = make(chan struct{})
	}
	return l.text.String(), l.grown
}

// await waits for a text that the regular expression matches, and returns what
// it found. In it ^ and $ are the ends of lines.
func (l *transcript) await(t *testing.T, pattern string) string {
	t.Helper()
	wanted := regexp.MustCompile("(?m)" + pattern)
	deadline := time.After(patience)
	for {
		text, grown := l.look()
		if found := wanted.FindString(text); found != "" {
			return found
		}
		select {
		case <-grown:
		case <-deadline:
			t.Fatalf("nothing printed matches %q", pattern)
		}
	}
}

func (l *transcript) contains(s string) bool { return strings.Contains(l.String(), s) }
